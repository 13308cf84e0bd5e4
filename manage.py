#!/usr/bin/env python
"""Skyledger's command line: `python manage.py help`."""

import os
import sys
from pathlib import Path


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # The Python client lies beside the service, not installed; send_events uses it.
    sys.path.append(str(Path(__file__).parent / "clients" / "python"))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
