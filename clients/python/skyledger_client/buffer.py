"""Events on their way: a bounded queue that one thread empties in batches."""

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence

from skyledger_client.errors import BufferFull, DeliveryFailed, Failure
from skyledger_client.events import Prepared

Send = Callable[[Sequence[Prepared]], list[Failure]]
OnFailure = Callable[[list[Failure]], object]


class Buffer:
    """Takes events until it is closed. `send` may take its time, and must not raise.

    Failures go to `on_failure`, called in the sending thread; without it to whoever flushes next.
    """

    def __init__(
        self,
        send: Send,
        *,
        batch_size: int,
        batch_seconds: float,
        size: int,
        patience: float,
        on_failure: OnFailure | None,
    ) -> None:
        self._send = send
        self._batch_size = batch_size
        self._batch_seconds = batch_seconds
        self._size = size
        self._patience = patience
        self._on_failure = on_failure
        self._closed = False
        self._reset()
        _buffers.add(self)

    def _reset(self) -> None:
        """Start empty, as a forked child has to: its parent still sends what was here."""
        self._changed = threading.Condition()
        self._waiting: deque[tuple[float, Prepared]] = deque()
        self._failures: list[Failure] = []
        self._taken = 0  # events ever taken, and of these, those whose end is known
        self._ended = 0
        self._wanted = 0  # send without delay up to this one
        self._thread: threading.Thread | None = None

    def add(self, event: Prepared) -> None:
        """Take an event; waits while the buffer is full. BufferFull when that lasts too long."""
        with self._changed:
            if self._closed:
                raise RuntimeError("The client is closed.")
            patience = 0.0 if threading.current_thread() is self._thread else self._patience
            if not self._changed.wait_for(self._has_room, patience):
                raise BufferFull(f"{self._size} events are waiting to be sent.")
            self._waiting.append((time.monotonic(), event))
            self._taken += 1
            self._make_sure_of_the_thread()
            self._changed.notify_all()

    def flush(self) -> None:
        """Return when every event taken so far has its end. DeliveryFailed for those that failed."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("on_failure is called while events are sent and cannot wait for them.")
        with self._changed:
            wanted = self._wanted = self._taken
            self._changed.notify_all()
        if self._thread is None:
            self._run()
        with self._changed:
            self._changed.wait_for(lambda: self._ended >= wanted)
            failures, self._failures = self._failures, []
        if failures:
            raise DeliveryFailed(failures)

    def close(self) -> None:
        """Take nothing more, and flush. Safe to call again."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.flush()
        if self._thread is not None:
            self._thread.join()

    def _has_room(self) -> bool:
        return self._taken - self._ended < self._size

    def _make_sure_of_the_thread(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="skyledger-client", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is ending: whoever flushes sends the rest
                return
            self._thread = thread

    def _run(self) -> None:
        while lot := self._next():
            failures = self._send(lot)
            if failures and self._on_failure is not None:
                failures = self._hand_over(failures, self._on_failure)
            with self._changed:
                self._failures += failures
                self._ended += len(lot)
                self._changed.notify_all()

    def _hand_over(self, failures: list[Failure], on_failure: OnFailure) -> list[Failure]:
        """Those that the callback did not take: all of them, when it breaks."""
        try:
            on_failure(failures)
        except Exception as error:
            return [Failure(f.event, f"{f.reason} (on_failure: {error!r})", f.refused) for f in failures]
        return []

    def _next(self) -> list[Prepared]:
        """The next batch once it is due; none when all is sent and the caller should not wait for more."""
        with self._changed:
            while not self._is_due():
                if not self._waiting and (self._closed or threading.current_thread() is not self._thread):
                    return []
                self._changed.wait(self._seconds_left())
            count = min(len(self._waiting), self._batch_size)
            return [self._waiting.popleft()[1] for _ in range(count)]

    def _is_due(self) -> bool:
        if not self._waiting:
            return False
        hurried = self._closed or self._ended < self._wanted
        return hurried or len(self._waiting) >= self._batch_size or self._seconds_left() == 0

    def _seconds_left(self) -> float | None:
        """Until the oldest event has waited long enough; None when none waits."""
        if not self._waiting:
            return None
        return max(0.0, self._waiting[0][0] + self._batch_seconds - time.monotonic())


_buffers: "weakref.WeakSet[Buffer]" = weakref.WeakSet()


def _start_empty() -> None:
    for buffer in _buffers:
        buffer._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_empty)
