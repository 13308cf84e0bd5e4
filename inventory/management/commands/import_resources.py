"""`manage.py import_resources`: a file of resources into a tenant."""

from inventory.management.files import ImportCommand
from inventory.models import Import


class Command(ImportCommand):
    kind = Import.Kind.RESOURCES.value
    help = (
        "Import a file of resources. It is checked as a whole first; bad rows stop it, unless --partial.\n"
        "The same file again changes nothing. Exit code 1: rows are bad, or the file cannot be read.\n\n"
        "Examples:\n"
        "  manage.py import_resources resources.csv --tenant acme --dry-run\n"
        "  manage.py import_resources resources.xlsx --tenant acme --partial --rejects bad.xlsx\n"
        "  manage.py import_resources resources.csv.gz --tenant acme --json | jq .totals\n"
    )
