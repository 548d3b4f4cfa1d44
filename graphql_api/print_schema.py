"""Print the schema in GraphQL's own language: `python -m graphql_api.print_schema`."""

import os
import sys

import django


def main() -> None:
    """Write the schema to stdout."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from graphql_api.schema import schema  # noqa: PLC0415  # models cannot be imported before Django is set up

    sys.stdout.write(schema.as_str() + "\n")


if __name__ == "__main__":
    main()
