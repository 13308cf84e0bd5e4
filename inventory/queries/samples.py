"""The first rows of a file that was received."""

from itertools import islice
from typing import Final

from inventory.files import BadFile, table_open
from inventory.models import Import

ROWS: Final = 3


def import_samples(run: Import) -> list[list[str]]:
    """By column of the file, what its first rows hold there; nothing when it cannot be read."""
    try:
        with run.file.open("rb") as file, table_open(file) as table:
            rows = [record.cells for record in islice(table.records(), ROWS)]
    except (BadFile, OSError):
        rows = []
    return [[row[place] for row in rows if row[place]] for place in range(len(run.header))]
