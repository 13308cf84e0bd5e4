"""Several statements in one round trip to PostgreSQL, by libpq's pipeline.

psycopg has one too, which takes 80 µs of processor a statement where libpq takes 10: a quarter of all that a
build's report costs. Values go as text, whose types PostgreSQL takes from the columns; so each statement has
one plan, which the connection keeps.
"""

import itertools
import re
import select
from collections.abc import Iterator, Sequence
from functools import cache
from types import TracebackType
from typing import Any, Final, Self

import psycopg
from psycopg import errors
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

NAMES: Final = "_skyledger_statements"
# A table was changed since, or the server has forgotten: then all are prepared anew.
STALE: Final = (b"0A000", b"26000")
_numbers: Final = itertools.count()


class Sending:
    """What Django wraps as a cursor: its statement goes with the trip, and its rows are there after it."""

    def __init__(self, trip: "RoundTrip") -> None:
        self._trip = trip
        self._transformer = Transformer(trip.raw)
        self._rows: Iterator[Any] = iter(())
        self.rowcount = -1
        self.query = b""
        self._query = self  # Django asks a cursor of psycopg's for `_query.query` when it logs
        self.given: Sequence[Any] = ()

    def execute(self, statement: str, params: Sequence[Any]) -> None:
        self.query = numbered(statement)
        self.given = self._transformer.dump_sequence(params, [PyFormat.TEXT] * len(params))
        self._trip.add(statement, self)

    def take(self, result: PGresult) -> None:
        self.rowcount = result.command_tuples or 0
        if result.status == ExecStatus.TUPLES_OK:
            self._transformer.set_pgresult(result)
            rows: list[Any] = self._transformer.load_rows(0, result.ntuples, tuple)
            self._rows = iter(rows)

    def fetchone(self) -> Any:
        return next(self._rows, None)


class RoundTrip:
    """What was said inside the block is sent and done at its end, and nothing when the block fails.

    Behind a pooler nothing is prepared, as another server may be asked the next time. Errors: psycopg.Error
    of the first statement that fails, after which none is done.
    """

    def __init__(self, raw: "psycopg.Connection[Any]", *, prepares: bool) -> None:
        self.raw = raw
        self._prepares = prepares
        self._libpq = raw.pgconn
        self._names: dict[str, bytes] = raw.__dict__.setdefault(NAMES, {})
        self._said: list[tuple[str, Sending]] = []
        self._commits = False
        self._fresh: list[str] = []
        self._sent: list[Sending | None] = []

    def __enter__(self) -> Self:
        return self

    def add(self, statement: str, sending: Sending) -> None:
        self._said.append((statement, sending))

    def commit(self) -> None:
        """After all that is said."""
        self._commits = True

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        if kind is not None:
            return
        begins = not self.raw.autocommit and self._libpq.transaction_status == TransactionStatus.IDLE
        self._libpq.enter_pipeline_mode()
        try:
            self._send(begins=begins)
            failed = self._collected()
            self._libpq.exit_pipeline_mode()
        except BaseException:
            self.raw.close()  # nobody knows how far it came
            raise
        if failed is not None:
            self._forget(failed)
            raise errors.error_from_result(failed, encoding=self.raw.info.encoding)

    def _send(self, *, begins: bool) -> None:
        if begins:
            self._control(b"BEGIN")
        for statement, sending in self._said:
            if self._prepares:
                self._libpq.send_query_prepared(self._name(statement, sending.query), sending.given)
            else:
                self._libpq.send_query_params(sending.query, sending.given)
            self._sent.append(sending)
        if self._commits:
            self._control(b"COMMIT")
        self._libpq.pipeline_sync()

    def _control(self, command: bytes) -> None:
        self._libpq.send_query_params(command, None)
        self._sent.append(None)

    def _name(self, statement: str, query: bytes) -> bytes:
        """Of the statement as it was prepared on this connection."""
        name = self._names.get(statement)
        if name is None:
            name = b"skyledger_%d" % next(_numbers)
            self._libpq.send_prepare(name, query)
            self._sent.append(None)
            self._names[statement] = name
            self._fresh.append(statement)
        return name

    def _forget(self, failed: PGresult) -> None:
        """What was to be prepared in this trip may not have been."""
        if failed.error_field(DiagnosticField.SQLSTATE) in STALE:
            self._names.clear()
        for statement in self._fresh:
            self._names.pop(statement, None)

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
