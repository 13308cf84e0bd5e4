"""Answers that are written while their rows are read: memory does not grow with them."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import IO, Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from accounts import row_security
from accounts.sheets import Cell, csv_cell

PART: Final = 64 * 1024

Parts = Iterator[bytes]


def csv_parts(
    header: Sequence[str], rows: Iterable[Sequence[Cell]], cell: Callable[[Cell], Any] = csv_cell
) -> Parts:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    for row in rows:
        writer.writerow([cell(value) for value in row])
        if text.tell() >= PART:
            yield taken(text).encode()
    yield taken(text).encode()


def file_parts(file: IO[bytes]) -> Parts:
    """A file from its start, closed at the end."""
    with file:
        file.seek(0)
        while part := file.read(PART):
            yield part


def taken(buffer: Any) -> Any:
    """What has been written so far, out of the buffer."""
    value = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return value


def streamed(request: HttpRequest, parts: Parts, **options: Any) -> StreamingHttpResponse:
    tenant_id = row_security.current()
    if tenant_id is not None:
        parts = _parts_of(tenant_id, parts)
    return StreamingHttpResponse(PartByPart(parts) if isinstance(request, ASGIRequest) else parts, **options)


def _parts_of(tenant_id: UUID, parts: Parts) -> Parts:
    """The request has left its tenant when they are made."""
    with row_security.as_tenant(tenant_id):
        yield from parts


class PartByPart:
    """Parts made one by one in the request's thread: under ASGI Django would gather them all first."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        part = await sync_to_async(lambda: next(self._parts, None))()
        if part is None:
            raise StopAsyncIteration
        return part

    def close(self) -> None:
        """Django's own name for the end of an answer, also of one that nobody read to the end."""
        close = getattr(self._parts, "close", None)
        if close is not None:
            close()
