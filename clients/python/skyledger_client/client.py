"""The client: what a program calls."""

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from types import TracebackType
from typing import Any, Final, Self, TypedDict, Unpack

from skyledger_client.buffer import Buffer
from skyledger_client.delivery import deliver
from skyledger_client.errors import DeliveryFailed, Failure
from skyledger_client.events import EventFields, EventOptions, Prepared, prepare
from skyledger_client.transport import Transport

MAX_BATCH: Final = 1000
PAGE: Final = 1000


class UsageFilters(TypedDict, total=False):
    """Which events `Client.usage` reads; moments carry a zone, an end that is a date includes its day."""

    start_date: date | str  # a datetime is a date too
    end_date: date | str
    service_type: str
    service_provider: str
    user_id: str
    event_type: str


class Client:
    """Sends events to one Skyledger with one API key. Safe to share between threads, and across a fork.

    `tenant` (slug or UUID) fills in each event's `tenant_id`. `track` buffers: a batch leaves when
    `batch_size` events wait or the oldest has waited `batch_seconds`; while `buffer_size` wait or are on
    their way, `track` blocks up to `buffer_seconds`. Every call is tried `retries` times more after no
    answer, 408, 429 or 5xx, each attempt for `timeout` seconds, always with the same event ids.

    What does not get through goes to `on_failure(failures)`, called in the sending thread; without it
    `flush` and `close` raise DeliveryFailed. The program's exit closes the client.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        tenant: str | None = None,
        timeout: float = 30.0,
        retries: int = 5,
        batch_size: int = 100,
        batch_seconds: float = 5.0,
        buffer_size: int = 10_000,
        buffer_seconds: float = 60.0,
        on_failure: Callable[[list[Failure]], object] | None = None,
    ) -> None:
        if not 1 <= batch_size <= MAX_BATCH:
            raise ValueError(f"batch_size must be from 1 to {MAX_BATCH}")
        self._tenant = tenant
        self._transport = transport = Transport(base_url, api_key, timeout=timeout, retries=retries)
        self._buffer = Buffer(
            lambda events: _failures(transport, events),
            batch_size=batch_size,
            batch_seconds=batch_seconds,
            size=buffer_size,
            patience=buffer_seconds,
            on_failure=on_failure,
        )
        # Also when the interpreter ends, while threads and sockets still work.
        weakref.finalize(self, self._buffer.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def track(self, **fields: Unpack[EventFields]) -> str:
        """Buffer one event to be sent in the background; its id.

        Errors: TypeError or ValueError for a field that JSON cannot carry exactly, BufferFull.
        """
        event = prepare(fields, self._tenant)
        self._buffer.add(event)
        return event.event_id

    def track_llm(
        self,
        *,
        user_id: str,
        provider: str,
        model: str,
        input_tokens: int,
        output_tokens: int,
        metrics: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        event_type: str = "completion",
        **options: Unpack[EventOptions],
    ) -> str:
        """Buffer one call of a language model; `metrics` may add latency_ms, temperature and others."""
        counts = {"input_tokens": input_tokens, "output_tokens": output_tokens}
        counts["total_tokens"] = input_tokens + output_tokens
        return self.track(
            user_id=user_id,
            service_type="llm_service",
            service_provider=provider,
            metrics={**counts, **(metrics or {})},
            metadata={"model": model, **(metadata or {})},
            event_type=event_type,
            **options,
        )

    def track_document(
        self,
        *,
        user_id: str,
        provider: str,
        document_type: str,
        processing_type: str,
        pages_processed: int,
        metrics: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        event_type: str = "processing",
        **options: Unpack[EventOptions],
    ) -> str:
        """Buffer one processed document; `metrics` may add characters_extracted, processing_time_ms, …"""
        kinds = {"document_type": document_type, "processing_type": processing_type}
        return self.track(
            user_id=user_id,
            service_type="document_processor",
            service_provider=provider,
            metrics={"pages_processed": pages_processed, **(metrics or {})},
            metadata={**kinds, **(metadata or {})},
            event_type=event_type,
            **options,
        )

    def track_api(
        self,
        *,
        user_id: str,
        provider: str,
        endpoint: str,
        method: str,
        request_count: int = 1,
        metrics: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        event_type: str = "request",
        **options: Unpack[EventOptions],
    ) -> str:
        """Buffer calls of an API; `metrics` may add response_time_ms, status_code, payload_size_bytes, …"""
        return self.track(
            user_id=user_id,
            service_type="api_service",
            service_provider=provider,
            metrics={"request_count": request_count, **(metrics or {})},
            metadata={"endpoint": endpoint, "method": method, **(metadata or {})},
            event_type=event_type,
            **options,
        )

    def send(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Send one event now; the answer with `event_id` and `status` queued, stored or duplicate.

        Errors: ApiError.
        """
        return self._transport.post("/events", prepare(event, self._tenant).body)

    def send_batch(self, events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Send events now, 1000 at a time; a receipt (`event_id`, `status`) for each.

        Errors: DeliveryFailed with the events that did not get through; the others did.
        """
        prepared = [prepare(event, self._tenant) for event in events]
        receipts: list[dict[str, Any]] = []
        failures: list[Failure] = []
        for start in range(0, len(prepared), MAX_BATCH):
            done, failed = deliver(self._transport, prepared[start : start + MAX_BATCH])
            receipts += done
            failures += failed
        if failures:
            raise DeliveryFailed(failures, receipts)
        return receipts

    def usage(self, **filters: Unpack[UsageFilters]) -> Iterator[dict[str, Any]]:
        """The stored events that match, newest first, fetched page by page; numbers are Decimals or ints.

        Errors: ApiError.
        """
        query: dict[str, Any] = {
            name: value.isoformat() if isinstance(value, date) else value for name, value in filters.items()
        }
        if self._tenant is not None:
            query["tenant_id"] = self._tenant
        cursor: str | None = None
        while True:
            page = self._transport.get("/usage", {**query, "limit": PAGE, "cursor": cursor})
            yield from page["events"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def flush(self) -> None:
        """Send what is buffered and wait for it. Errors: DeliveryFailed, see the class."""
        self._buffer.flush()

    def close(self) -> None:
        """Flush and take nothing more. Errors: DeliveryFailed, see the class."""
        self._buffer.close()


def _failures(transport: Transport, events: Sequence[Prepared]) -> list[Failure]:
    """Deliver for the buffer's thread, which nothing may end: an error of our own is a failure too."""
    try:
        return deliver(transport, events)[1]
    except Exception as error:
        return [Failure(event.event, repr(error), refused=False) for event in events]
