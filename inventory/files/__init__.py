"""Tables in files: CSV, XLSX and JSON, each also gzipped, told apart by what is in them.

They are read in a stream: what a file holds never has to fit into memory, and no file can make it grow.
"""

from inventory.files.opening import table_open
from inventory.files.rejects import Rejects
from inventory.files.table import BadFile, Record, Table

__all__ = ["BadFile", "Record", "Rejects", "Table", "table_open"]
