"""Operators' mistakes, found by `manage.py check` instead of by an incident."""
