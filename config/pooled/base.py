"""PostgreSQL behind a pooler of transactions: any of its connections may answer the next one."""

from typing import Any

from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus


class DatabaseWrapper(base.DatabaseWrapper):
    def chunked_cursor(self) -> Any:
        """A cursor of the server inside a transaction; outside one the rows come at once."""
        self.ensure_connection()
        if self.connection.info.transaction_status == TransactionStatus.INTRANS:
            return super().chunked_cursor()
        return self.cursor()
