"""`python3 -m devstack run`, `test`, `demo`, `manage` and `install`."""

import sys

# First, and in words that an old Python can still read: everything below needs 3.11.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        "This project needs Python 3.11 or newer, and this is %d.%d; " % sys.version_info[:2]  # noqa: UP031
        + "name another one like this: make run PYTHON=python3.12"
    )
if sys.platform == "win32":
    sys.exit("There are no private servers for Windows; use WSL, or docker compose up --build.")

from devstack.commands import main

sys.exit(main(sys.argv[1:]))
