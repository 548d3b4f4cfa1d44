"""A health check for containers: `python -m config.alive worker` exits 0 when that part shows signs of life."""

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from config import logs
from sms.liveness import silent_parts

if __name__ == "__main__":
    logs.set_up()
    logs.catch_what_escapes()
    sys.exit(sys.argv[1] in silent_parts())
