#!/usr/bin/env python
"""Django's command line: `python manage.py help` lists what it can do."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import config.celery  # noqa: F401  (nudges of commands must find the broker)
    from config import logs

    logs.set_up()
    logs.catch_what_escapes()

    execute_from_command_line(sys.argv)
