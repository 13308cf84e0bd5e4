"""The rows that were refused, in the layout of the file that they came in: to be put right and sent again."""

import csv
import io
import tempfile
from typing import IO, Any, Final

from accounts.wire import encode
from inventory.files.table import Record, Table

REASON: Final = "x_RejectReason"


class Rejects:
    """A column beside the file's own says what is wrong. `file` is None as long as nothing was refused."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.format = table.format
        kept = [place for place, name in enumerate(table.header) if name != REASON]
        self._kept = kept
        self._header = [*(table.header[place] for place in kept), REASON]
        self.file: IO[bytes] | None = None
        self._sheet: Any = None
        self._first = True

    def add(self, record: Record, reason: str) -> None:
        cells = [*(record.cells[place] for place in self._kept), f"{record.number}: {reason}"]
        if self.file is None:
            self.file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by whoever keeps it)
            self._begin()
        if self._table.format == "xlsx":
            self._append(cells)
        elif self._table.format == "json":
            told = {name: cell for name, cell in zip(self._header, cells, strict=True) if cell}
            self.file.write((b"[\n" if self._first else b",\n") + encode(told))
            self._first = False
        else:
            self.file.write(self._line(cells))

    def close(self) -> None:
        """Call it once after the last row."""
        if self.file is None:
            return
        if self._table.format == "xlsx":
            self._sheet.parent.save(self.file)
        elif self._table.format == "json":
            self.file.write(b"\n]\n")
        self.file.seek(0)

    def _begin(self) -> None:
        if self._table.format == "xlsx":
            from openpyxl import Workbook

            self._sheet = Workbook(write_only=True).create_sheet("Rejected")
            self._append(self._header)
        elif self._table.format == "csv" and self.file is not None:
            self.file.write(self._line(self._header))

    def _append(self, cells: list[str]) -> None:
        from accounts.workbooks import xlsx_cell

        self._sheet.append([xlsx_cell(self._sheet, cell) for cell in cells])

    def _line(self, cells: list[str]) -> bytes:
        text = io.StringIO()
        csv.writer(text, delimiter=self._table.delimiter).writerow(cells)
        return text.getvalue().encode(errors="surrogateescape")
