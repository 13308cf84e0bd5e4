"""Several statements in one round trip to PostgreSQL, by libpq's pipeline.

psycopg has one too, which takes 80 µs of processor a statement where libpq takes 10: a quarter of all that a
build's report costs. Values go as text, whose types PostgreSQL takes from the columns; so each statement has
one plan, which the connection keeps.
"""

import itertools
import re
import select
from collections.abc import Sequence
from functools import cache
from types import TracebackType
from typing import Any, Final, Self

import psycopg
from psycopg import errors
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

NAMES: Final = "_skyledger_statements"
_numbers: Final = itertools.count()


class Sending:
    """What Django wraps as a cursor: its statement goes with the trip, and its rows are there after it."""

    def __init__(self, trip: "RoundTrip") -> None:
        self._trip = trip
        self._transformer = Transformer(trip.raw)
        self._rows: list[Any] = []
        self.rowcount = -1
        self.query = b""
        self._query = self  # Django asks a cursor of psycopg's for `_query.query` when it logs

    def execute(self, statement: str, params: Sequence[Any]) -> None:
        self.query = numbered(statement)
        given = self._transformer.dump_sequence(params, [PyFormat.TEXT] * len(params))
        self._trip.send(statement, given, self)

    def take(self, result: PGresult) -> None:
        self.rowcount = result.command_tuples or 0
        if result.status == ExecStatus.TUPLES_OK:
            self._transformer.set_pgresult(result)
            self._rows = self._transformer.load_rows(0, result.ntuples, tuple)

    def fetchone(self) -> Any:
        return self._rows[0] if self._rows else None


class RoundTrip:
    """What is sent inside the block is done when that ends. Errors: psycopg.Error of the first that fails."""

    def __init__(self, raw: "psycopg.Connection[Any]") -> None:
        self.raw = raw
        self._libpq = raw.pgconn
        self._names: dict[str, bytes] = raw.__dict__.setdefault(NAMES, {})
        self._sent: list[Sending | None] = []

    def __enter__(self) -> Self:
        idle = self._libpq.transaction_status == TransactionStatus.IDLE
        self._libpq.enter_pipeline_mode()
        if idle and not self.raw.autocommit:
            self._control(b"BEGIN")
        return self

    def send(self, statement: str, given: Sequence[Any], sending: Sending) -> None:
        if self.raw.prepare_threshold is None:  # a pooler's: the next time another server may be asked
            self._libpq.send_query_params(numbered(statement), given)
        else:
            self._libpq.send_query_prepared(self._name(statement), given)
        self._sent.append(sending)

    def commit(self) -> None:
        self._control(b"COMMIT")

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        try:
            self._libpq.pipeline_sync()
            failed = self._collected()
            self._libpq.exit_pipeline_mode()
        except BaseException:
            self.raw.close()  # nobody knows how far it came
            raise
        if failed is not None:
            self._names.clear()  # after it nothing was prepared
            if kind is None:
                raise errors.error_from_result(failed, encoding=self.raw.info.encoding)

    def _control(self, command: bytes) -> None:
        self._libpq.send_query_params(command, None)
        self._sent.append(None)

    def _name(self, statement: str) -> bytes:
        """Of the statement as it was prepared on this connection."""
        name = self._names.get(statement)
        if name is None:
            name = self._names[statement] = b"skyledger_%d" % next(_numbers)
            self._libpq.send_prepare(name, numbered(statement))
            self._sent.append(None)
        return name

    def _collected(self) -> PGresult | None:
        """Hand each its result; the first failure, after which PostgreSQL does nothing of what was sent."""
        failed = None
        while self._libpq.flush():
            self._wait(select.POLLIN | select.POLLOUT)
        for sending in self._sent:
            while (result := self._next_result()) is not None:
                if result.status == ExecStatus.FATAL_ERROR:
                    failed = result
                elif sending is not None and result.status != ExecStatus.PIPELINE_ABORTED:
                    sending.take(result)
        self._next_result()  # of the synchronization
        return failed

    def _next_result(self) -> PGresult | None:
        """None after the last one of a statement."""
        while self._libpq.is_busy():
            self._wait(select.POLLIN)
        return self._libpq.get_result()

    def _wait(self, events: int) -> None:
        poll = select.poll()
        poll.register(self._libpq.socket, events)
        if any(ready & ~select.POLLOUT for _, ready in poll.poll()):
            self._libpq.consume_input()


@cache
def numbered(statement: str) -> bytes:
    """With $1, $2 … in place of each %s."""
    numbers = itertools.count(1)
    return re.sub("%s", lambda _: f"${next(numbers)}", statement).encode()
