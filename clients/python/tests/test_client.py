"""The client before a real service, with a network between them that loses, cuts and refuses."""

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import pytest
from django.test.utils import override_settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import Tenant
from skyledger_client import (
    AuthenticationFailed,
    BufferFull,
    Client,
    DeliveryFailed,
    Failure,
    PermissionRefused,
    Refused,
    Unavailable,
    transport,
)
from tests.rude_proxy import CUT, LOSE, Manner, RudeProxy
from usage.models import UsageEvent
from usage.tests.conftest import drain

BUSY: Final[Manner] = (503, {})
Make = Callable[..., Client]


@pytest.fixture
def make(
    live_server: LiveServer, transactional_db: None, key: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> Make:
    """`make()`: a client of acme; `url` names a proxy."""
    monkeypatch.setattr(transport, "FIRST_PAUSE_SECONDS", 0.001)

    def client(url: str = live_server.url, **options: Any) -> Client:
        return Client(url, options.pop("api_key", None) or key("write"), tenant="acme", **options)

    return client


def fields(number: int, **changes: Any) -> Any:
    return {
        "event_id": f"e-{number}",
        "user_id": "anna",
        "service_type": "compute",
        "service_provider": "aws",
        "event_type": "hours",
        "metrics": {"hours": Decimal("0.10") * number},
        **changes,
    }


def ledger() -> dict[str, Any]:
    """The metrics of each stored event by its id; an id cannot be there twice unseen."""
    drain()
    rows = list(UsageEvent.objects.values_list("event_id", "metrics"))
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def test_buffered_events_arrive_exactly(make: Make) -> None:
    with make(batch_size=3) as client:
        for number in range(10):
            assert client.track(**fields(number)) == f"e-{number}"
        client.flush()
        assert {name: str(m["hours"]) for name, m in ledger().items()} == {
            f"e-{number}": f"{number / 10:.2f}" for number in range(10)
        }
    with pytest.raises(RuntimeError, match="closed"):
        client.track(**fields(11))


def test_a_batch_leaves_when_its_oldest_event_is_old_enough(make: Make) -> None:
    client = make(batch_seconds=0.01)
    client.track(**fields(1))
    with client._buffer._changed:
        assert client._buffer._changed.wait_for(lambda: client._buffer._ended == 1, 10)
    assert set(ledger()) == {"e-1"}


def test_the_helpers_say_what_the_service_asks_for(make: Make) -> None:
    with make() as client:
        client.track_llm(user_id="u", provider="openai", model="gpt-4", input_tokens=7, output_tokens=0)
        client.track_document(
            user_id="u",
            provider="internal",
            document_type="pdf",
            processing_type="ocr",
            pages_processed=2,
            event_type="scan",
        )
        client.track_api(
            user_id="u", provider="internal", endpoint="/x", method="GET", metrics={"status_code": 200}
        )
    drain()
    stored = UsageEvent.objects.order_by("service_type")
    assert list(stored.values_list("service_type", "event_type", "metrics")) == [
        ("api_service", "request", {"request_count": 1, "status_code": 200}),
        ("document_processor", "scan", {"pages_processed": 2}),
        ("llm_service", "completion", {"input_tokens": 7, "output_tokens": 0, "total_tokens": 7}),
    ]
    assert list(stored.values_list("metadata", flat=True)) == [
        {"endpoint": "/x", "method": "GET"},
        {"document_type": "pdf", "processing_type": "ocr"},
        {"model": "gpt-4"},
    ]


LATER: Final[list[Manner]] = [(408, {}), (502, {}), (429, {"Retry-After": "0"})]


@pytest.mark.parametrize(
    "manners",
    [[LOSE], [CUT], [LOSE, CUT, LOSE], [BUSY], LATER, [(200, {})]],
    ids=["answer lost", "answer cut", "lost again and again", "busy", "every sort of later", "no JSON"],
)
@pytest.mark.parametrize("way", ["track", "send", "send_batch"])
def test_a_retry_is_the_same_request_and_counts_once(
    make: Make, live_server: LiveServer, manners: list[Manner], way: str
) -> None:
    event = {name: value for name, value in fields(1).items() if name != "event_id"}
    with RudeProxy(live_server.url, manners) as proxy, make(proxy.url) as client:
        match way:
            case "track":
                client.track(**event)
                client.flush()
            case "send":
                client.send(event)
            case "send_batch":
                client.send_batch([event])
    assert len(proxy.bodies) == len(manners) + 1
    assert len(set(proxy.bodies)) == 1
    assert list(ledger().values()) == [{"hours": Decimal("0.10")}]


def test_the_service_may_ask_for_patience(make: Make, live_server: LiveServer) -> None:
    slept: list[float] = []
    later = [(429, {"Retry-After": "7"}), (503, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}), (503, {})]
    with RudeProxy(live_server.url, later) as proxy, make(proxy.url) as client:
        client._transport._sleep = slept.append
        assert client.send(fields(1))["event_id"] == "e-1"
    assert 7 <= slept[0] <= 7.001
    assert 120 <= slept[1] <= 120.002
    assert 0 <= slept[2] <= 0.004


def test_what_cannot_be_delivered_is_given_back_by_flush_and_can_be_sent_again(
    make: Make, live_server: LiveServer
) -> None:
    with RudeProxy(live_server.url, [BUSY] * 3) as proxy, make(proxy.url, retries=2) as client:
        client.track(**fields(1))
        with pytest.raises(DeliveryFailed) as failed:
            client.flush()
        (failure,) = failed.value.failures
        assert (failure.reason, failure.refused) == ("HTTP 503 Service Unavailable", False)
        assert ledger() == {}
        client.track(**failure.event)
    assert ledger() == {"e-1": {"hours": Decimal("0.10")}}


def test_failures_go_to_the_callback_and_what_it_does_not_take_to_close(make: Make) -> None:
    seen: list[Failure] = []
    with make("http://127.0.0.1:9", retries=0, on_failure=seen.extend) as client:
        client.track(**fields(1))
    assert [failure.event["event_id"] for failure in seen] == ["e-1"]
    assert "did not answer" in seen[0].reason

    def broken(failures: list[Failure]) -> None:
        raise OSError("disk full")

    client = make("http://127.0.0.1:9", retries=0, on_failure=broken)
    client.track(**fields(1))
    with pytest.raises(DeliveryFailed, match="disk full"):
        client.close()


def test_a_bad_event_is_given_back_and_its_neighbours_are_stored(make: Make) -> None:
    with make() as client, pytest.raises(DeliveryFailed) as failed:
        client.send_batch([fields(1), fields(2, user_id=""), fields(3)])
    (failure,) = failed.value.failures
    assert (failure.event["event_id"], failure.refused) == ("e-2", True)
    assert failure.reason == "user_id: Expected str of length >= 1"
    assert set(ledger()) == {"e-1", "e-3"}


def test_one_event_that_spoils_its_batch_is_found(make: Make) -> None:
    """A number of 40 digits makes the whole body unreadable, so the service cannot say which event it is."""
    with make() as client, pytest.raises(DeliveryFailed) as failed:
        client.send_batch([fields(n, metrics={"n": 10**39 if n == 5 else n}) for n in range(8)])
    assert [f.event["event_id"] for f in failed.value.failures] == ["e-5"]
    assert "38 digits" in failed.value.failures[0].reason
    assert set(ledger()) == {f"e-{n}" for n in range(8) if n != 5}


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=2000)
def test_a_batch_that_is_too_large_is_split(make: Make) -> None:
    with make() as client:
        assert len(client.send_batch([fields(n) for n in range(40)])) == 40
    assert len(ledger()) == 40


def test_errors_are_told_apart(make: Make, key: Callable[..., str]) -> None:
    with pytest.raises(AuthenticationFailed):
        make(api_key="sky_no_such").send(fields(1))
    with pytest.raises(PermissionRefused):
        make(api_key=key("read")).send(fields(1))
    with pytest.raises(Refused) as refused:
        make().send(fields(1, user_id=None))
    assert refused.value.errors == [{"field": "user_id", "message": "missing required field 'user_id'"}]
    with pytest.raises(Unavailable):
        make("http://127.0.0.1:9", retries=1).send(fields(1))
    assert ledger() == {}


def test_a_full_buffer_holds_the_sender_back(make: Make) -> None:
    client = make(batch_size=1, buffer_size=2, buffer_seconds=0.05)
    go_on = threading.Event()

    def send(_: Any) -> list[Failure]:
        go_on.wait(10)
        return []

    client._buffer._send = send
    client.track(**fields(1))
    client.track(**fields(2))
    with pytest.raises(BufferFull):
        client.track(**fields(3))
    client._buffer._patience = 10
    threading.Timer(0.05, go_on.set).start()
    client.track(**fields(3))
    client.close()


def test_many_threads_share_a_client(make: Make) -> None:
    with make(batch_size=20, buffer_size=30) as client:

        def work(first: int) -> None:
            for number in range(first, first + 50):
                client.track(**fields(number))

        threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 200, 50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(ledger()) == {f"e-{number}" for number in range(200)}


def test_usage_reads_every_page(make: Make, monkeypatch: pytest.MonkeyPatch, acme: Tenant) -> None:
    monkeypatch.setattr("skyledger_client.client.PAGE", 3)
    with make() as client:
        client.send_batch([fields(n, timestamp=f"2026-03-0{n + 1}T00:00:00Z") for n in range(8)])
        drain()
        found = list(client.usage(user_id="anna", end_date="2026-03-07"))
        assert [event["event_id"] for event in found] == [f"e-{n}" for n in range(6, -1, -1)]
        assert found[0]["metrics"] == {"hours": Decimal("0.60")}
        assert list(client.usage(user_id="jonas")) == []
