"""`manage.py import_costs`: a file of costs into a tenant."""

from inventory.management.files import ImportCommand
from inventory.models import Import


class Command(ImportCommand):
    kind = Import.Kind.COSTS.value
    help = (
        "Import a file of costs. It is checked as a whole first; bad rows stop it, unless --partial.\n"
        "The same file again changes nothing. Exit code 1: rows are bad, or the file cannot be read.\n\n"
        "Examples:\n"
        "  manage.py import_costs costs.csv --tenant acme --dry-run\n"
        "  manage.py import_costs costs.xlsx --tenant acme --partial --rejects bad.xlsx\n"
        "  manage.py import_costs costs.csv.gz --tenant acme --json | jq .totals\n"
    )
