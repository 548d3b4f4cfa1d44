"""Stands for Django's command line: `prepare` can be told to fail."""

import os
import sys

sys.stdout.write(f"prepared with {os.environ['DATABASE_URL'].rpartition('/')[2]}\n")
sys.exit(int(os.environ.get("FAKE_PREPARE", "0")))
