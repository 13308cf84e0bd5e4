"""The one-process mode, on SQLite and without Redis, keeps what it acked as well."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from inventory.tests.rows import resource
from tests.faults.checks import Stored, assert_kept, describe
from tests.faults.disk import MEGABYTE, full_disk
from tests.faults.load import Load
from tests.faults.programs import OneProcess
from tests.faults.stack import KEYS, SECONDS, SETTINGS, SETUP, eventually, manage, rounds

pytestmark = [pytest.mark.full, pytest.mark.faults]

Tell = Callable[[str], None]
FILE: Final = "ledger.sqlite3"
HALF_A_LOG: Final = 2 * MEGABYTE  # SQLite's grows to 1,000 pages of 4 KiB before it begins anew


@pytest.fixture(scope="module")
def one_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneProcess]:
    directory = tmp_path_factory.mktemp("one-process")
    environment = {
        **SETTINGS,
        "DATABASE_URL": f"sqlite:///{directory / FILE}",
        "REDIS_URL": "",
        "VAR_DIR": str(directory),
    }
    manage(environment, SETUP)
    with OneProcess(environment) as process:
        yield process


def stored(ledger: Path, name: str) -> Stored:
    with closing(sqlite3.connect(ledger, timeout=30)) as connection:
        rows = connection.execute(
            "SELECT t.slug, e.event_id, e.metrics FROM usage_usageevent e"
            " JOIN accounts_tenant t ON t.id = e.tenant_id WHERE e.event_id GLOB ?",
            (f"{name}-*",),
        ).fetchall()
    return [
        (slug, event_id, json.loads(text, parse_float=Decimal)["amount"]) for slug, event_id, text in rows
    ]


def test_one_process_killed_under_load(one_process: OneProcess, seed: str, tell: Tell) -> None:
    with Load([one_process.port], KEYS, seed) as load:
        for _ in rounds(2):
            time.sleep(0.7)
            one_process.kill()
            one_process.start()
    rows = stored(one_process.var / FILE, seed)
    tell(describe(load, rows))
    assert_kept(load, rows)
    assert load.answers["no answer"] > 0


def test_one_process_on_a_full_disk(one_process: OneProcess, seed: str, tell: Tell) -> None:
    with Load([one_process.port], KEYS, seed) as load:
        assert eventually(lambda: load.answers["stored"] > 100)
        with full_disk(one_process, HALF_A_LOG):
            assert eventually(lambda: load.answers["HTTP 503"] > 100)
            time.sleep(SECONDS)
        before = load.answers["stored"]
        assert eventually(lambda: load.answers["stored"] > before + 100)
    rows = stored(one_process.var / FILE, seed)
    tell(describe(load, rows))
    assert_kept(load, rows)


def test_eight_senders_at_once_never_find_the_database_busy(
    one_process: OneProcess, seed: str, tell: Tell
) -> None:
    with Load([one_process.port], KEYS, seed, per_tenant=4) as load:
        time.sleep(SECONDS)
    rows = stored(one_process.var / FILE, seed)
    tell(describe(load, rows))
    assert_kept(load, rows)
    assert load.answers.keys() <= {"stored", "duplicate"}


def test_a_client_of_the_stream_catches_up_after_a_kill(one_process: OneProcess, seed: str) -> None:
    def happen(name: str) -> None:
        items = [resource(f"{seed}-{name}", cost_daily="2.4")]
        assert one_process.send("/api/v1/resources/bulk", {"items": items}, KEYS["acme"]) == 200

    def stream(since: str = "") -> ClientConnection:
        url = f"ws://127.0.0.1:{one_process.port}/ws/activity-stream/acme{since}"
        return connect(url, additional_headers={"Authorization": f"Bearer {KEYS['acme']}"})

    def heard(socket: ClientConnection) -> int:
        return int(json.loads(socket.recv(timeout=20))["seq"])

    with stream() as socket:
        assert json.loads(socket.recv(timeout=20))["type"] == "connected"
        happen("before")
        last = heard(socket)
        one_process.kill()
        with suppress(ConnectionClosed):
            while True:
                last = heard(socket)
    one_process.start()
    happen("meanwhile")
    happen("later")
    with stream(f"?since={last}") as socket:
        newest = json.loads(socket.recv(timeout=20))["last_seq"]
        assert newest >= last + 2
        assert [heard(socket) for _ in range(newest - last)] == list(range(last + 1, newest + 1))
