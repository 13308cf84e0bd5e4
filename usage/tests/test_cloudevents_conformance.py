"""The rules of CloudEvents 1.0 (spec.md, the JSON format, the HTTP binding), case by case, over HTTP.

A case is what is sent and what comes of it: the event in the ledger, or the status, the code and the
attribute that the refusal names.
"""

import base64
import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from django.conf import settings as live_settings

from accounts.models import Tenant
from usage.models import UsageEvent
from usage.tests.conftest import Post
from usage.tests.documents import BATCHED, LEFT_OUT, STRUCTURED, cloud_event, in_headers

pytestmark = pytest.mark.django_db
Stored = Callable[[Tenant], list[UsageEvent]]
KEPT: Final = "queued" if live_settings.REDIS_URL else "stored"


def refused(answer: Any, *fields: str, status: int = 400, code: str = "validation_error") -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.content
    assert [error["field"] for error in answer.json()["errors"]] == list(fields)


def the_whole_event(row: UsageEvent) -> None:
    assert (row.event_id, row.user_id, row.service_provider) == ("/vms/7|42", "anna", "/vms/7")
    assert (row.event_type, row.service_type) == ("vm.hours", "vm.hours")
    assert row.timestamp.isoformat() == "2026-03-01T10:00:00.500000+00:00"
    assert json.dumps(row.metrics, default=str) == '{"hours": "1.5"}'
    assert row.metadata == {}


@pytest.mark.parametrize("path", ["/events", "/events/batch", "/api/v1/events/", "/api/v1/events/batch/"])
@pytest.mark.parametrize(
    "content_type",
    [
        STRUCTURED,
        "application/cloudevents+json; charset=utf-8",
        "Application/CloudEvents+JSON ; Charset=UTF-8",
        "application/cloudevents+json;profile=x",
    ],
)
def test_structured(send: Post, acme: Tenant, stored: Stored, path: str, content_type: str) -> None:
    answer = send(cloud_event(), content_type, path)
    assert answer.status_code == 202, answer.content
    assert answer.json()["event_id"] == "/vms/7|42"
    assert answer.json()["status"] == KEPT
    (row,) = stored(acme)
    the_whole_event(row)


@pytest.mark.parametrize("path", ["/events", "/events/batch"])
@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Text/JSON", "a/b+json", ""]
)
def test_binary(send: Post, acme: Tenant, stored: Stored, path: str, content_type: str) -> None:
    answer = send({"metrics": {"hours": 1.5}}, content_type, path, **in_headers())
    assert answer.status_code == 202, answer.content
    assert set(answer.json()) == {"success", "event_id", "message", "status"}
    (row,) = stored(acme)
    the_whole_event(row)


@pytest.mark.parametrize("path", ["/events", "/events/batch"])
@pytest.mark.parametrize("content_type", [BATCHED, "APPLICATION/CLOUDEVENTS-BATCH+JSON; charset=UTF-8"])
def test_batched(send: Post, acme: Tenant, stored: Stored, path: str, content_type: str) -> None:
    answer = send([cloud_event(), cloud_event(id="43"), cloud_event(source="/vms/8")], content_type, path)
    assert answer.status_code == 202, answer.content
    assert answer.json()["results"] == [
        {"event_id": "/vms/7|42", "status": KEPT},
        {"event_id": "/vms/7|43", "status": KEPT},
        {"event_id": "/vms/8|42", "status": KEPT},
    ]
    assert (answer.json()["processed_count"], answer.json()["failed_count"]) == (3, 0)
    assert len(stored(acme)) == 3


def test_an_empty_batch_is_valid(send: Post, acme: Tenant, stored: Stored) -> None:
    answer = send([], BATCHED)
    assert answer.status_code == 202
    assert (answer.json()["success"], answer.json()["processed_count"]) == (True, 0)
    assert (answer.json()["results"], answer.json()["failed_events"]) == ([], [])
    assert stored(acme) == []


def test_a_bad_event_takes_no_good_one_down(send: Post, acme: Tenant, stored: Stored) -> None:
    bad = cloud_event(id="43", source="no uri")
    answer = send([bad, cloud_event(), 7], BATCHED)
    assert answer.status_code == 202
    assert answer.json()["failed_events"] == [
        {"index": 0, "error": "source: it must be a URI-reference", "event_data": bad},
        {"index": 2, "error": "a CloudEvent is a JSON object", "event_data": 7},
    ]
    assert [row.event_id for row in stored(acme)] == ["/vms/7|42"]


def test_a_batch_is_of_one_version_and_one_array(send: Post, acme: Tenant, stored: Stored) -> None:
    refused(send([cloud_event(), cloud_event(id="b", specversion="0.3")], BATCHED), "specversion")
    refused(send([cloud_event(specversion="0.3")], BATCHED), "events[0]")
    refused(send(cloud_event(), BATCHED))
    refused(send([cloud_event()] * (live_settings.MAX_BATCH_SIZE + 1), BATCHED), "events")
    assert stored(acme) == []


@pytest.mark.parametrize(
    "content_type",
    [
        "application/cloudevents",
        "application/cloudevents+xml",
        "application/cloudevents+avro; charset=utf-8",
        "application/cloudevents-batch",
        "application/cloudevents-batch+xml",
        "text/plain",
        "application/xml",
    ],
)
def test_formats_that_nobody_knows(send: Post, acme: Tenant, stored: Stored, content_type: str) -> None:
    for headers in ({}, in_headers()):
        answer = send(b"<x/>", content_type, **headers)
        refused(answer, status=415, code="unsupported_media_type")
    assert stored(acme) == []


ATTRIBUTES: Final[dict[str, tuple[dict[str, Any], str]]] = {
    **{f"no {n}": ({n: LEFT_OUT}, n) for n in ("specversion", "id", "source", "type")},
    **{f"{n} is null": ({n: None}, n) for n in ("specversion", "id", "source", "type")},
    **{
        f"{n} is empty": ({n: ""}, n)
        for n in ("specversion", "id", "source", "type", "subject", "time", "dataschema", "datacontenttype")
    },
    **{f"{n} is a number": ({n: 1}, n) for n in ("specversion", "id", "source", "type", "subject", "time")},
    "another version": ({"specversion": "0.3"}, "specversion"),
    "a version like ours": ({"specversion": "1.0.1"}, "specversion"),
    "a source with a space": ({"source": "/a b"}, "source"),
    "a source with a bar": ({"source": "/a|b"}, "source"),
    "a source that is no ASCII": ({"source": "/ä"}, "source"),
    "a source with a lone percent": ({"source": "/a%2"}, "source"),
    "a relative dataschema": ({"dataschema": "/schemas/1"}, "dataschema"),
    "a time without a zone": ({"time": "2026-03-01T10:00:00"}, "time"),
    "a day": ({"time": "2026-03-01"}, "time"),
    "no such day": ({"time": "2026-02-30T10:00:00Z"}, "time"),
    "a time with a space": ({"time": "2026-03-01 10:00:00Z"}, "time"),
    "upper case": ({"myExt": "1"}, "myExt"),
    "an underscore": ({"my_ext": "1"}, "my_ext"),
    "a hyphen": ({"my-ext": "1"}, "my-ext"),
    "no ASCII": ({"größe": "1"}, "größe"),
    "a digit of another script": ({"a٣": "1"}, "a٣"),
    "an empty name": ({"": "1"}, ""),
    "a fraction": ({"ext": 1.5}, "ext"),
    "33 bits": ({"ext": 2**31}, "ext"),
    "33 bits below": ({"ext": -(2**31) - 1}, "ext"),
    "an object": ({"ext": {}}, "ext"),
    "a list": ({"ext": []}, "ext"),
    "a control character": ({"subject": "a\x07"}, "subject"),
    "a line end": ({"id": "a\n"}, "id"),
    "a C1 control character": ({"ext": "a\x85"}, "ext"),
    "a noncharacter": ({"ext": "a\ufdd0"}, "ext"),
    "a noncharacter of a far plane": ({"ext": "a\U0010ffff"}, "ext"),
    "data of another type": ({"datacontenttype": "text/xml", "data": "<x/>"}, "datacontenttype"),
    "no media type": ({"datacontenttype": "json"}, "datacontenttype"),
    "data is a text": ({"data": "{}"}, "data"),
    "data is a list": ({"data": []}, "data"),
    "data is a number": ({"data": 1}, "data"),
    "data twice": ({"data_base64": "e30="}, "data_base64"),
    "bad Base64": ({"data": LEFT_OUT, "data_base64": "e30"}, "data_base64"),
    "Base64 with a line end": ({"data": LEFT_OUT, "data_base64": "e3\n0="}, "data_base64"),
    "Base64 is a number": ({"data": LEFT_OUT, "data_base64": 1}, "data_base64"),
    "Base64 of no JSON": ({"data": LEFT_OUT, "data_base64": "/w=="}, "data_base64"),
    "Base64 of another type": (
        {"data": LEFT_OUT, "data_base64": "e30=", "datacontenttype": "image/png"},
        "datacontenttype",
    ),
    "an id that is too long": ({"id": "x" * 249}, "id"),
    "an extension given twice": ({"region": "eu", "data": {"metadata": {"region": "us"}}}, "region"),
    "an extension and a flat field": ({"region": "eu", "data": {"region": "us"}}, "region"),
    "a native field of the wrong type": ({"data": {"metrics": 1}}, "metrics"),
    "no user": ({"subject": None}, "user_id"),
    "before our time": ({"time": "1969-12-31T23:59:59Z"}, "timestamp"),
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_what_is_no_event(send: Post, acme: Tenant, stored: Stored, name: str) -> None:
    fields, field = ATTRIBUTES[name]
    refused(send(cloud_event(**fields)), field)
    assert stored(acme) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b"null", b'{"id":"a","id":"b"}', b'{"id":"\xff"}', b'{"id":"\\ud800"}'],
)
def test_what_is_no_json_object(send: Post, acme: Tenant, stored: Stored, body: bytes) -> None:
    answer = send(body)
    assert (answer.status_code, answer.json()["error"]) == (400, "validation_error")
    assert stored(acme) == []


MEANINGS: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "nulls are absent": (
        {"dataschema": None, "ext": None, "data_base64": None, "datacontenttype": None},
        {"metadata": {}},
    ),
    "no data": ({"data": LEFT_OUT}, {"metrics": {}}),
    "null data": ({"data": None}, {"metrics": {}}),
    "Base64": (
        {"data": LEFT_OUT, "data_base64": base64.b64encode(b'{"metrics":{"n":1}}').decode()},
        {"metrics": {"n": 1}},
    ),
    "another JSON": (
        {"datacontenttype": "application/vnd.acme.v1+json; charset=utf-8"},
        {"event_id": "/vms/7|42"},
    ),
    "flat fields": (
        {"data": {"hours": 2, "region": "eu"}},
        {"metrics": {"hours": 2}, "metadata": {"region": "eu"}},
    ),
    "extensions": (
        {"partitionkey": "p", "sequence": 7, "sampled": True, "dataschema": "https://acme.example/v1"},
        {
            "metadata": {
                "partitionkey": "p",
                "sequence": 7,
                "sampled": True,
                "dataschema": "https://acme.example/v1",
            }
        },
    ),
    "extensions beside metadata": (
        {"region": "eu", "data": {"metadata": {"model": "m"}}},
        {"metadata": {"model": "m", "region": "eu"}},
    ),
    "a long name": ({"x" * 21: "1"}, {"metadata": {"x" * 21: "1"}}),
    "the ends of 32 bits": (
        {"low": -(2**31), "high": 2**31 - 1},
        {"metadata": {"low": -(2**31), "high": 2**31 - 1}},
    ),
    "an empty extension": ({"ext": ""}, {"metadata": {"ext": ""}}),
    "data wins": (
        {
            "data": {
                "event_id": "own",
                "user_id": "bert",
                "service_type": "compute",
                "service_provider": "aws",
                "event_type": "hours",
            }
        },
        {
            "event_id": "own",
            "user_id": "bert",
            "service_type": "compute",
            "service_provider": "aws",
            "event_type": "hours",
        },
    ),
    "nulls in data do not": ({"data": {"user_id": None, "timestamp": None}}, {"user_id": "anna"}),
    "an absolute source": ({"source": "https://acme.example/vms?x=1#y"}, {}),
    "a URN": ({"source": "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66"}, {}),
    "a name as source": ({"source": "vms"}, {"event_id": "vms|42"}),
    "an id of anything": ({"id": "a|b/c #€ 😀"}, {"event_id": "/vms/7|a|b/c #€ 😀"}),
    "the longest id": ({"id": "x" * 248}, {"event_id": "/vms/7|" + "x" * 248}),
    "lower-case time": ({"time": "2026-03-01t10:00:00z"}, {}),
    "the tenant in data": ({"data": {"tenant_id": "acme"}}, {}),
    "the tenant as an extension": ({"tenantid": "acme"}, {"metadata": {}}),
}


@pytest.mark.parametrize("name", MEANINGS)
def test_what_events_mean(send: Post, acme: Tenant, stored: Stored, name: str) -> None:
    fields, expected = MEANINGS[name]
    answer = send(cloud_event(**fields))
    assert answer.status_code == 202, answer.content
    (row,) = stored(acme)
    assert {name: getattr(row, name) for name in expected} == expected
    assert answer.json()["event_id"] == row.event_id


def test_times_in_other_zones(send: Post, acme: Tenant, stored: Stored) -> None:
    assert send(cloud_event(time="2026-03-01T10:00:00+05:30")).status_code == 202
    assert stored(acme)[0].timestamp.isoformat() == "2026-03-01T04:30:00+00:00"


# As a header carries it, and what it says.
HEADER_TEXTS: Final = {
    "Euro%20%E2%82%AC%20%F0%9F%98%80": "Euro € 😀",
    "%e2%82%ac": "€",
    "plain text": "plain text",
    "  around\t": "around",
    "%41%42": "AB",
    "%2541": "%41",
    "a%2Fb|c": "a/b|c",
    '"quoted text"': "quoted text",
    r'"with \"quotes\" and \\"': 'with "quotes" and \\',
    '"quoted %E2%82%AC"': "quoted €",
    'in"side': 'in"side',
    "%22a%22": '"a"',
}


@pytest.mark.parametrize("sent", HEADER_TEXTS)
def test_texts_in_headers(send: Post, acme: Tenant, stored: Stored, sent: str) -> None:
    answer = send({}, "application/json", **in_headers(subject=sent, ext=sent))
    assert answer.status_code == 202, answer.content
    (row,) = stored(acme)
    assert (row.user_id, row.metadata) == (HEADER_TEXTS[sent], {"ext": HEADER_TEXTS[sent]})


BAD_HEADERS: Final = {
    "a lone percent": "100%",
    "a percent before no hexadecimal": "%zz",
    "half an encoding": "a%E",
    "no UTF-8": "%FF",
    "half a character": "%E2%82",
    "too long a form": "%C0%A0",
    "half a surrogate pair": "%ED%A0%80",
    "Latin-1": "Zo\xeb",
    "raw UTF-8": "€".encode().decode("latin-1"),
    "an encoded control character": "a%00",
    "a raw control character": "a\x07",
    "open quotes": '"open',
    "more behind the quotes": '"a" b',
    "nothing": "",
    "nothing in quotes": '""',
}


@pytest.mark.parametrize("name", BAD_HEADERS)
def test_bad_texts_in_headers(send: Post, acme: Tenant, stored: Stored, name: str) -> None:
    refused(send({}, "application/json", **in_headers(subject=BAD_HEADERS[name])), "subject")
    assert stored(acme) == []


BINARY: Final[dict[str, tuple[dict[str, str], str]]] = {
    **{f"{n} is empty": ({f"HTTP_CE_{n.upper()}": ""}, n) for n in ("specversion", "id", "source", "type")},
    "a data content type as a header": (
        {"HTTP_CE_DATACONTENTTYPE": "application/json"},
        "datacontenttype",
    ),
    "data as a header": ({"HTTP_CE_DATA": "{}"}, "data"),
    "a hyphen": ({"HTTP_CE_MY_EXT": "1"}, "my-ext"),
    "another version": ({"HTTP_CE_SPECVERSION": "0.3"}, "specversion"),
    "an empty extension": ({"HTTP_CE_EXT": ""}, "ext"),
    "a bad source": ({"HTTP_CE_SOURCE": "%20"}, "source"),
}


@pytest.mark.parametrize("name", BINARY)
def test_what_is_no_event_in_binary_mode(send: Post, acme: Tenant, stored: Stored, name: str) -> None:
    headers, field = BINARY[name]
    refused(send({}, "application/json", **{**in_headers(), **headers}), field)
    assert stored(acme) == []


@pytest.mark.parametrize("missing", ["specversion", "id", "source", "type"])
def test_one_attribute_makes_it_binary_mode(send: Post, acme: Tenant, stored: Stored, missing: str) -> None:
    refused(send({}, "application/json", **in_headers(**{missing: LEFT_OUT})), missing)
    assert stored(acme) == []


def test_binary_mode_without_data(send: Post, acme: Tenant, stored: Stored) -> None:
    for body, content_type in ((b"", ""), (b"", "application/json"), (b"null", "text/json")):
        answer = send(body, content_type, **in_headers(id=content_type or "none"))
        assert answer.status_code == 202, answer.content
    assert [row.metrics for row in stored(acme)] == [{}, {}, {}]
    refused(send([1], "application/json", **in_headers()), "data")


def test_in_structured_mode_the_body_alone_counts(send: Post, acme: Tenant, stored: Stored) -> None:
    answer = send(cloud_event(), **in_headers(id="other", source="%ZZ"))
    assert answer.status_code == 202
    assert [row.event_id for row in stored(acme)] == ["/vms/7|42"]
