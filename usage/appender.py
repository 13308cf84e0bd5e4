"""Appending to the Redis stream for all threads of a process at once.

A round trip to Redis costs more than the rest of a request. So one thread leads: it sends what the
others have brought meanwhile in one write, reads all answers, and passes the lead on. With
`appendfsync always` they share one sync to disk as well.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import redis

from accounts.redis_link import Breaker, RedisAway

Command = tuple[Any, ...]


class _Ticket:
    """What one thread brought; `turn` is released when it was sent, or when this thread has to lead."""

    __slots__ = ("commands", "error", "sent", "turn")

    def __init__(self, commands: Sequence[Command]) -> None:
        self.commands = commands
        self.error: Exception | None = None
        self.sent = False
        self.turn = threading.Lock()
        self.turn.acquire()


class Appender:
    """One per process and stream; its connection is only ever used by the thread that leads."""

    def __init__(self, client: "Callable[[], redis.Redis]", breaker: Breaker) -> None:
        self._client = client
        self._breaker = breaker
        self._lock = threading.Lock()
        self._waiting: list[_Ticket] = []
        self._led = False
        self._connection: tuple[Any, int] = (None, 0)

    def send(self, commands: Sequence[Command]) -> None:
        """Send commands and see them answered, or raise RedisAway; then they may have been applied or not."""
        ticket = _Ticket(commands)
        with self._lock:
            self._waiting.append(ticket)
            leads, self._led = not self._led, True
        if not leads:
            ticket.turn.acquire()
        if not ticket.sent:
            self._lead()
        if ticket.error is not None:
            raise RedisAway from ticket.error

    def _lead(self) -> None:
        with self._lock:
            tickets, self._waiting = self._waiting, []
        error: Exception | None = RedisAway()
        try:
            error = self._exchange([command for ticket in tickets for command in ticket.commands])
        finally:
            with self._lock:
                follower = self._waiting[0] if self._waiting else None
                self._led = follower is not None
            for ticket in tickets:
                ticket.error, ticket.sent = error, True
                ticket.turn.release()
            if follower is not None:
                follower.turn.release()

    def _exchange(self, commands: Sequence[Command]) -> Exception | None:
        connection = None
        try:
            self._breaker.require()
            connection = self._open()
            connection.send_packed_command(connection.pack_commands(commands))
            for _ in commands:
                connection.read_response()
        except RedisAway as away:
            return away
        except (redis.RedisError, OSError) as error:
            if connection is not None:
                connection.disconnect()
            self._breaker.trip()
            return error
        return None

    def _open(self) -> Any:
        """A connection outside the pool; a new one after Redis was away, as the old one may be stale."""
        connection, made_after = self._connection
        if connection is None or made_after != self._breaker.trips:
            connection = self._client().connection_pool.make_connection()
            self._connection = connection, self._breaker.trips
        return connection
