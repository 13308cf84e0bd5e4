"""`manage.py send_events`: files of events, exactly, once, and with every bad line told."""

import gzip
import io
import json
import os
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from pytest_django.live_server_helper import LiveServer

from accounts.models import Tenant
from skyledger_client import transport
from tests.rude_proxy import LOSE, RudeProxy
from usage.event_files import EventFile
from usage.management.commands import send_events
from usage.models import UsageEvent
from usage.tests.conftest import drain
from usage.tests.documents import event

MODIFIED: Final = 1_772_000_000  # 2026-02-25T06:13:20Z
HEADER: Final = "event_id,user_id,service_type,service_provider,event_type"
BIG: Final = "12345678901234567890.000000001"
BASE: Final = "anna,compute,aws,hours"


def write(path: Path, content: str | bytes) -> str:
    raw = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    os.utime(path, (MODIFIED, MODIFIED))
    return str(path)


def lines(*events: Any) -> str:
    return "".join(json.dumps(item) + "\n" for item in events)


def send(*arguments: str, **options: Any) -> tuple[dict[str, Any], str, str]:
    """The summary of a run, what it said of bad lines, and the error that it ended with."""
    out, said = io.StringIO(), io.StringIO()
    ended = ""
    try:
        call_command("send_events", *arguments, json=True, stdout=out, stderr=said, **options)
    except CommandError as error:
        ended = str(error)
    drain()
    return json.loads(out.getvalue() or "{}"), said.getvalue(), ended


def ledger() -> dict[str, UsageEvent]:
    return {event.event_id: event for event in UsageEvent.objects.all()}


def test_the_sample_is_stored_as_it_stands(acme: Tenant) -> None:
    counts, said, ended = send(str(settings.BASE_DIR / "samples" / "usage.csv"), tenant="acme")
    assert (counts["lines"], said, ended) == (4, "", "")
    stored = ledger()
    assert len(stored) == 4
    assert stored["sample-4"].timestamp.isoformat() == "2026-03-02T23:00:00+00:00"


def test_a_sheet_says_exactly_what_its_cells_say(acme: Tenant, tmp_path: Path) -> None:
    header = f"\ufeff{HEADER},timestamp,metrics.hours,metrics.big"
    header += ",metadata.zip,metadata.ok,metadata.deep.n,tags,billing_info"
    row = f'007,{BASE},2026-03-01T10:00:00Z,0.10,{BIG},01234,true,"[1,""1""]",a; b,'
    quoted = f'"two\nlines",{BASE},,-1e2,,"""5""",,,"[""x""]","{{""total_cost"": ""0.10""}}"'
    counts, said, ended = send(
        write(tmp_path / "a.csv", f"{header}\r\n{row}\r\n\r\n{quoted}\r\n"), tenant="acme"
    )
    assert (said, ended) == ("", "")
    assert counts["lines"] == 2
    first, second = ledger()["007"], ledger()["two\nlines"]
    assert {name: str(value) for name, value in first.metrics.items()} == {"hours": "0.10", "big": BIG}
    assert first.metadata == {"zip": "01234", "ok": True, "deep": {"n": [1, "1"]}}
    assert first.tags == ["a", "b"]
    assert first.timestamp.isoformat() == "2026-03-01T10:00:00+00:00"
    assert second.metrics == {"hours": Decimal(-100)}
    assert (second.metadata, second.tags) == ({"zip": "5"}, ["x"])
    assert second.billing_info == {"total_cost": "0.10"}
    assert second.timestamp.timestamp() == MODIFIED


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.ndjson"])
def test_a_file_may_be_sent_again(acme: Tenant, tmp_path: Path, name: str) -> None:
    file = write(tmp_path / name, lines(event(event_id="own"), event(tenant_id=None), event()))
    counts, _, ended = send(file, tenant="acme")
    assert counts["lines"] == 3
    before = {name: row.timestamp for name, row in ledger().items()}
    assert len(before) == 3
    (digest,) = {name.rpartition("-")[0] for name in before} - {""}
    assert set(before) == {"own", f"{digest}-000000002", f"{digest}-000000003"}
    again, said, ended = send(file, tenant="acme")
    assert (again["lines"], again["refused"], said, ended) == (3, 0, "", "")
    assert {name: row.timestamp for name, row in ledger().items()} == before
    assert "stored" not in again


def test_standard_input_is_json_lines(acme: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(write(tmp_path / "in", lines(event(event_id="a")))).open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert send("-", tenant="acme")[0]["lines"] == 1
    assert set(ledger()) == {"a"}


BAD: Final = (
    lines(event(event_id="good"))
    + "{nonsense\n\n[1]\n"
    + lines(event(event_id="b", user_id=None), event(event_id="c", timestamp="yesterday"))
    + '{"event_id":"d","metrics":{"n":1' + "0" * 40 + "}}\n"
    + lines(event(event_id="e", tenant_id="rival"), event(event_id="late"))
)  # fmt: skip
NO_OBJECT: Final = "Invalid JSON at line 1, column 2: Expecting property name enclosed in double quotes."
SAID: Final = f"""\
line 2: {NO_OBJECT}
line 4: an event is a JSON object
line 5: user_id: missing required field 'user_id'
line 6: timestamp: Invalid RFC3339 encoded datetime
line 7: Invalid JSON: a number has more than 38 digits.
line 8: tenant_id: it must be acme, the tenant of this run
"""


def test_bad_lines_are_told_and_kept_to_be_put_right(acme: Tenant, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    counts, said, ended = send(write(tmp_path / "a.jsonl", BAD), tenant="acme", errors=str(bad))
    assert said == SAID
    assert (counts["lines"], counts["refused"]) == (8, 6)
    assert ended == "6 of 8 lines were refused."
    assert set(ledger()) == {"good", "late"}
    kept = [json.loads(line) for line in bad.read_text().splitlines()]
    assert kept[0]["_refused"]["text"] == "{nonsense"
    assert kept[2]["_refused"] == {
        "line": 5,
        "field": "user_id",
        "message": "missing required field 'user_id'",
    }
    kept[2]["user_id"] = "jonas"
    _, said, ended = send(write(tmp_path / "fixed.jsonl", lines(kept[2])), tenant="acme")
    assert (said, ended) == ("", "")
    assert (ledger()["b"].user_id, ledger()["b"].metadata) == ("jonas", {})


def test_bad_cells_are_told_with_their_column(acme: Tenant, tmp_path: Path) -> None:
    rows = [
        f"a,{BASE},1",
        f"b,{BASE}",
        f"c,{BASE},{{x",
        f"d,{BASE},1,2",
        f"e,{BASE},\udcff",
        "f,anna,,aws,hours,1",
    ]
    content = f"{HEADER},metrics.n\n" + "\n".join(rows) + "\n"
    _, said, _ = send(write(tmp_path / "a.csv", content.encode(errors="surrogateescape")), tenant="acme")
    assert said.splitlines() == [
        "line 3: it has 5 cells and the header names 6 columns",
        f"line 4: metrics.n: {NO_OBJECT}",
        "line 5: it has 7 cells and the header names 6 columns",
        "line 6: metrics.n: it is not UTF-8",
        "line 7: service_type: missing required field 'service_type'",
    ]
    assert set(ledger()) == {"a"}


def test_only_the_first_bad_lines_are_shown_and_all_are_counted(acme: Tenant, tmp_path: Path) -> None:
    counts, said, ended = send(write(tmp_path / "a.jsonl", "no\n" * 30), tenant="acme")
    assert len(said.splitlines()) == 20
    assert counts["refused"] == 30
    assert ended == "30 of 30 lines were refused (10 more than shown; --errors FILE writes them all)."


def test_a_dry_run_checks_and_sends_nothing(acme: Tenant, tmp_path: Path) -> None:
    counts, said, _ = send(write(tmp_path / "a.jsonl", BAD), "--dry-run", tenant="acme")
    assert counts == {"lines": 8, "refused": 6, "checked": 2}
    assert said == SAID
    assert ledger() == {}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["missing.jsonl", "--tenant", "acme"], "No such file"),
        ([__file__, "--tenant", "acme"], "it is to end in .csv, .jsonl or .ndjson"),
        (["a.jsonl"], "Name a tenant"),
        (["a.jsonl", "--tenant", "nobody"], "Name a tenant"),
        (["a.jsonl", "--url", "http://127.0.0.1:9"], "--url needs --key"),
        (["a.jsonl.gz", "--tenant", "acme"], "Not a gzipped file"),
    ],
)
def test_what_cannot_begin_says_why(
    acme: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text("{}")
    (tmp_path / "a.jsonl.gz").write_text("{}")
    assert reason in send(*arguments)[2]


@pytest.mark.django_db(transaction=True)
def test_another_ledger_gets_them_through_the_api(
    acme: Tenant, live_server: LiveServer, key: Callable[..., str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(transport, "FIRST_PAUSE_SECONDS", 0.001)
    good = event(event_id="a", metrics={"hours": 0.1})
    foreign = event(event_id="b", tenant_id="rival")
    file = write(tmp_path / "a.jsonl", lines(good, foreign, event(tenant_id=None)))
    with RudeProxy(live_server.url, [LOSE, (503, {})]) as proxy:
        for _ in range(2):
            counts, said, _ = send(file, url=proxy.url, key=key("ingest"), tenant="acme")
            assert (counts["lines"], counts["refused"]) == (3, 1)
            assert said == "line 2: The API key belongs to another tenant.\n"
    assert len(proxy.bodies) == 4
    assert ledger()["a"].metrics == {"hours": Decimal("0.1")}
    assert len(ledger()) == 2


def test_a_ledger_that_is_away_ends_the_run_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "FIRST_PAUSE_SECONDS", 0.001)
    file = write(tmp_path / "a.jsonl", lines(event()))
    with pytest.raises(CommandError, match=r"did not answer.* All before line 1 is sent"):
        call_command("send_events", file, url="http://127.0.0.1:9", key="k")


def test_memory_does_not_grow_with_the_file(acme: Tenant, tmp_path: Path) -> None:
    peaks = []
    for count in (2000, 6000):
        file = write(tmp_path / "a.csv.gz", f"{HEADER}\n" + f",{BASE}\n" * count)
        tracemalloc.start()
        assert send(file, "--dry-run", tenant="acme")[0]["checked"] == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2


def test_a_long_run_shows_how_far_it_is(
    acme: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_events, "QUIET_SECONDS", 0)
    screen = io.StringIO()
    with EventFile(write(tmp_path / "a.jsonl", lines(event()))) as file:
        run = send_events.Run(file, acme, lambda events: (["checked"], {}), None, OutputWrapper(screen))
        run.work(progress=True)
    assert screen.getvalue() == f"\r[{'#' * 30}] 100%  1 lines \n"
