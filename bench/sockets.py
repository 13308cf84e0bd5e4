"""A thousand open sockets of the activity stream on one process: `python -m bench.sockets [sockets]`.

Prints the memory that each takes, what they cost while nothing happens, how late an entry reaches the last
of them, and what becomes of one that does not read.
"""

import asyncio
import http.client
import json
import resource
import socket
import statistics
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.stack import KEY, TENANT, Process, Stack, django, running
from tests.servers.process import free_port

SOCKETS: Final = 1000
AT_ONCE: Final = 50
DEEDS: Final = 20
IDLE_SECONDS: Final = 30
UNREAD_SECONDS: Final = 45
NARROW: Final = 64 * 1024
HEAPED: Final = 40_000  # entries of half a kilobyte for the one that does not read
UVICORN: Final = ["-m", "uvicorn", "config.asgi:application", "--no-access-log", "--log-level", "warning"]
PLAIN: Final = ["--ws-per-message-deflate", "false"]  # as in compose.yaml
HEAP: Final = """
WITH counter AS (
    UPDATE accounts_activitycounter SET last_seq = last_seq + %(n)s RETURNING tenant_id, last_seq
)
INSERT INTO accounts_activityentry (id, tenant_id, seq, type, ts, actor, payload)
SELECT gen_random_uuid(), tenant_id, last_seq - %(n)s + i, 'bench.heaped', now(), 'bench',
       jsonb_build_object('text', repeat('x', 500)) FROM counter, generate_series(1, %(n)s) AS i
"""


def megabytes(process: Process) -> float:
    """What the process itself has in memory."""
    status = Path(f"/proc/{process.child.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


async def opened(port: int, number: int, **options: Any) -> list[ClientConnection]:
    """So many sockets that were greeted."""
    url = f"ws://127.0.0.1:{port}/ws/activity-stream/{TENANT}?token={quote(KEY)}"
    clients: list[ClientConnection] = []
    while len(clients) < number:
        some = min(AT_ONCE, number - len(clients))
        new = await asyncio.gather(*(connect(url, **options) for _ in range(some)))
        for client in new:
            assert json.loads(await client.recv())["type"] == "connected"
        clients += new
    return clients


def deed(port: int, name: str) -> None:
    """Something that the tenant's sockets are told of."""
    build = {"platform": "aws-commercial", "os_version": "rhel-8.8", "image_type": "base", "build_id": name}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/json", "X-API-Key": KEY}
    connection.request("POST", "/api/v1/builds", json.dumps(build), headers)
    answer = connection.getresponse()
    if answer.status != 201:
        raise SystemExit(f"The bench could not create a build: {answer.status} {answer.read()!r}")
    connection.close()


async def told(client: ClientConnection) -> float:
    """When it hears of the next deed."""
    while json.loads(await client.recv())["type"] == "ping":
        pass
    return time.perf_counter()


async def delays(port: int, clients: list[ClientConnection]) -> list[float]:
    """Milliseconds from the answer to each deed until each socket heard of it."""
    found = []
    for number in range(DEEDS):
        hearing = [asyncio.create_task(told(client)) for client in clients]
        await asyncio.to_thread(deed, port, f"bench-{number}")
        answered = time.perf_counter()
        found += [max(0.0, moment - answered) * 1000 for moment in await asyncio.gather(*hearing)]
    return found


async def idle(process: Process, clients: list[ClientConnection]) -> float:
    """The share of a processor that they take while nothing happens."""
    before = process.cpu_seconds()
    hearing = [asyncio.create_task(told(client)) for client in clients]
    await asyncio.sleep(IDLE_SECONDS)
    for task in hearing:
        task.cancel()
    await asyncio.gather(*hearing, return_exceptions=True)
    return (process.cpu_seconds() - before) / IDLE_SECONDS


async def unread(stack: Stack, process: Process, ports: tuple[int, int]) -> tuple[float, int]:
    """Megabytes that the server takes for a client that does not read, and the entries that reached it."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW)  # or the kernel would take it all
    narrow.connect(("127.0.0.1", ports[0]))
    narrow.setblocking(False)
    (client,) = await opened(ports[0], 1, sock=narrow, max_queue=1, ping_interval=None)
    before, started = megabytes(process), time.perf_counter()
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        connection.execute(HEAP, {"n": HEAPED})
    await asyncio.to_thread(deed, ports[1], "bench-heaped")
    most = before
    while time.perf_counter() - started < 30:
        most = max(most, megabytes(process))
        await asyncio.sleep(0.1)
    heard = 0
    with suppress(ConnectionClosed):
        while heard < HEAPED:
            await asyncio.wait_for(client.recv(), UNREAD_SECONDS)
            heard += 1
    if heard == HEAPED:
        raise SystemExit("The client that did not read was told everything all the same.")
    return most - before, heard


async def measure(stack: Stack, sockets: int) -> None:
    ports = free_port(), free_port()
    listening = stack.process(*UVICORN, *PLAIN, "--port", str(ports[0]), port=ports[0])
    with running(listening, django(stack, ports[1])):
        for client in await opened(ports[0], 10):
            await client.close()
        empty, started = megabytes(listening), time.perf_counter()
        clients = await opened(ports[0], sockets)
        seconds = time.perf_counter() - started
        late = await delays(ports[1], clients)
        full = megabytes(listening)
        share = await idle(listening, clients)
        cuts = statistics.quantiles(late, n=100)
        each = (full - empty) * 1024 / sockets
        print(f"{sockets:,} sockets opened in {seconds:.1f} s ({sockets / seconds:,.0f} a second)")
        print(f"memory {empty:.0f} MB without, {full:.0f} MB with: {each:.0f} KiB each")
        print(f"idle: {100 * share:.1f} % of a processor")
        print(
            f"an entry reaches them in {cuts[49]:.0f} ms (p50), {cuts[98]:.0f} (p99), {max(late):.0f} (last)"
        )
        for client in clients:
            await client.close()
        held, heard = await unread(stack, listening, ports)
        print(f"one that does not read: {held:.1f} MB more; let go after {heard:,} of {HEAPED:,} entries")


def main() -> None:
    sockets = int(sys.argv[1]) if len(sys.argv) > 1 else SOCKETS
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4 * sockets + 1000), most))
    stack = Stack()
    try:
        stack.start()
        asyncio.run(measure(stack, sockets))
    finally:
        stack.stop()


if __name__ == "__main__":
    main()
