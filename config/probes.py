"""Asking the neighbours how they are, without ever waiting long for one that hangs."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import requests
import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import connection, connections

from accounts.redis_link import client
from accounts.replica import ALIAS as REPLICA
from gcore.queries.health import gcore_answers, gcore_configured
from usage import queue
from usage.queue import GROUP
from usage.shards import Shard, shards

PATIENCE_SECONDS: Final = 1.0
BEAT_KEY: Final = "config.beat"
BEAT_LATE_SECONDS: Final = 90.0
WRITER_LATE_SECONDS: Final = 30.0

Status = Literal["healthy", "degraded", "unhealthy", "disabled"]
Finding = tuple[Status, str]
Question = Callable[[], Finding]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Component:
    """What one neighbour answered; `details` never holds an address, a user or a secret."""

    name: str
    status: Status
    details: str
    response_time_ms: float


Answer = Future[tuple[Any, float]]
_lock = threading.Lock()
_asked: dict[str, Answer] = {}


def examine(questions: Mapping[str, Question]) -> list[Component]:
    """Ask all at once; whoever has not answered after PATIENCE_SECONDS is unhealthy."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    answers = [(name, _ask(name, question)) for name, question in questions.items()]
    return [_component(name, answer, deadline) for name, answer in answers]


def measure(questions: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """Numbers, asked for at once; NaN where nobody knows."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    answers = {name: _ask(name, question) for name, question in questions.items()}
    return {name: _number(name, answer, deadline) for name, answer in answers.items()}


def _number(name: str, answer: Answer, deadline: float) -> float:
    try:
        return float(answer.result(max(0.0, deadline - time.monotonic()))[0])
    except Exception as error:  # what cannot be measured must not hide what can
        log.warning("measure_failed", measure=name, error=type(error).__name__)
        return float("nan")


def _ask(name: str, question: Callable[[], Any]) -> Answer:
    """Ask in a thread of its own; a question that still waits for its answer is not asked a second time."""
    with _lock:
        future = _asked.get(name)
        if future is None or future.done():
            future = _asked[name] = Future()
            threading.Thread(target=_answer, args=(future, question), name=name, daemon=True).start()
        return future


def _answer(future: Answer, question: Callable[[], Any]) -> None:
    started = time.perf_counter()
    try:
        future.set_result((question(), (time.perf_counter() - started) * 1000))
    except Exception as error:  # whatever went wrong is the answer
        future.set_exception(error)
    finally:
        connection.close()


def _component(name: str, future: Answer, deadline: float) -> Component:
    try:
        (status, details), spent = future.result(max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        return Component(name, "unhealthy", "no answer in time", PATIENCE_SECONDS * 1000)
    except Exception as error:  # its message may hold addresses, so only the log gets it
        log.warning("probe_failed", component=name, error=str(error))
        return Component(name, "unhealthy", f"does not answer ({type(error).__name__})", 0.0)
    return Component(name, status, details, round(spent, 2))


def database() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        version = ".".join(str(part) for part in connection.get_database_version())
    return "healthy", f"{connection.display_name} {version}"


def replica() -> Finding:
    with connections[REPLICA].cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        (follows,) = cursor.fetchone()
    return ("healthy", "follows") if follows else ("degraded", "follows nobody")


def redis_server() -> Finding:
    if not settings.REDIS_URL:
        return "disabled", "not configured"
    info: Any = client().info()
    details = f"Redis {info['redis_version']}, appendonly {'on' if info['aof_enabled'] else 'off'}"
    state = queue.state()
    if state is not None and state.depth and state.durable is False:
        return "degraded", f"{details}: {state.depth} events would be lost with it; turn appendonly on"
    return "healthy", details


def event_queue() -> Finding:
    if not settings.REDIS_URL:
        return "disabled", "events go straight to the database"
    state = queue.state()
    if state is None:
        return "degraded", "Redis is away: events go straight to the database"
    late = state.oldest_seconds > settings.READY_MAX_QUEUE_AGE_SECONDS
    details = f"{state.depth} entries waiting, the oldest for {state.oldest_seconds:.1f} s"
    return "unhealthy" if late else "healthy", details


def event_writer() -> Finding:
    if not settings.REDIS_URL:
        return "disabled", "not needed without Redis"
    awake = [_writers_awake(shard) for shard in shards()]
    if None in awake:
        return "degraded", "no writer has started yet"
    least = min(number or 0 for number in awake)
    return "healthy" if least else "degraded", f"{least} at work"


def _writers_awake(shard: Shard) -> int | None:
    """How many look after a shard; None when none ever did."""
    if not shard.client().exists(shard.stream):
        return None
    writers: Any = shard.client().xinfo_consumers(shard.stream, GROUP)
    return len([writer for writer in writers if writer["idle"] < WRITER_LATE_SECONDS * 1000])


def celery() -> Finding:
    """Beat sends a task every 30 s and a worker runs it, so one mark shows that both live."""
    seen = cache.get(BEAT_KEY)
    if seen is None:
        return ("degraded", "no heartbeat yet") if settings.REDIS_URL else ("disabled", "not running here")
    age = max(0.0, time.time() - seen)
    return "healthy" if age < BEAT_LATE_SECONDS else "degraded", f"last heartbeat {age:.0f} s ago"


def gcore() -> Finding:
    if not gcore_configured():
        return "disabled", "no credentials"
    return ("healthy", "knows us") if gcore_answers() else ("unhealthy", "does not answer or know us")


def peer(url: str) -> Finding:
    status = requests.get(url, timeout=PATIENCE_SECONDS, allow_redirects=False).status_code
    return "healthy" if status < 400 else "unhealthy", f"HTTP {status}"


def peers() -> dict[str, Question]:
    return {name: partial(peer, url) for name, url in settings.STATUS_PEERS.items()}
