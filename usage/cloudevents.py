"""CloudEvents 1.0 over HTTP, in the three content modes, read as native events.

An event is what its attributes and the object in its `data` say together; where both say it, `data` wins.
Its id is `<source>|<id>`: the two together are a CloudEvent's identity, and no source holds a `|`.
"""

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from accounts.errors import UnsupportedMediaType, ValidationFailed
from accounts.models import Tenant
from accounts.wire import decode
from usage import intake
from usage.service_types import Problem

PREFIX: Final = "application/cloudevents"
STRUCTURED: Final = "application/cloudevents+json"
BATCHED: Final = "application/cloudevents-batch+json"
REQUIRED: Final = ("specversion", "id", "source", "type")
OPTIONAL: Final = ("subject", "time", "datacontenttype", "dataschema")
DATA: Final = ("data", "data_base64")
LONGEST_ID: Final = 255
SMALLEST_INT: Final = -(2**31)
LARGEST_INT: Final = 2**31 - 1

_NAME: Final = re.compile(r"[a-z0-9]+")
_JSON: Final = re.compile(r"[^/;\s]+/([^/;\s]+\+)?json", re.IGNORECASE)
_URI_CHARACTERS: Final = r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})"
_FORMATS: Final = {
    "specversion": (re.compile(r"1\.0"), "this service takes version 1.0"),
    "source": (re.compile(rf"{_URI_CHARACTERS}+"), "it must be a URI-reference"),
    "dataschema": (re.compile(rf"[A-Za-z][A-Za-z0-9+.\-]*:{_URI_CHARACTERS}+"), "it must be a URI"),
    "datacontenttype": (re.compile(r"[^/;\s]+/[^/;\s]+\s*(;.*)?"), "it must be a media type"),
    "time": (
        re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII),
        "it must be an RFC 3339 moment such as 2026-03-01T10:00:00Z",
    ),
}
# Control characters, halves of surrogate pairs, and what Unicode calls noncharacters.
_FORBIDDEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane + last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF))
    + "]"
)
_VISIBLE: Final = re.compile(r"[\x20-\x7e]*")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_LONE_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Mode(Enum):
    """How a request carries its events."""

    STRUCTURED = "structured"
    BATCHED = "batched"
    BINARY = "binary"


def mode_of(content_type: str, headers: Mapping[str, str]) -> Mode | None:
    """The mode of a request; None when it holds no CloudEvent. UnsupportedMediaType for other formats."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == BATCHED:  # the other one is a prefix of its family too
        return Mode.BATCHED
    if media_type == STRUCTURED:
        return Mode.STRUCTURED
    if media_type.startswith(PREFIX):
        raise UnsupportedMediaType(f"Send CloudEvents as {STRUCTURED}, {BATCHED} or in binary mode.")
    return Mode.BINARY if any(f"ce-{name}" in headers for name in REQUIRED) else None


def take_structured(body: bytes, admit: intake.Admit, *, home: str) -> tuple[intake.Event, Tenant]:
    """The one event of a structured body. `home`: the tenant of an event that names none, or ""."""
    return intake.take_document(decode(body), admit, partial(_read, home=home), home)


def take_binary(
    body: bytes, admit: intake.Admit, *, headers: Mapping[str, str], home: str
) -> tuple[intake.Event, Tenant]:
    """The one event whose attributes are `ce-` headers and whose data is the body."""
    content_type = headers.get("Content-Type", "")
    if body and content_type and not _is_json(content_type):
        raise UnsupportedMediaType("Send the data of an event as application/json.")
    data = decode(body) if body else None
    named = {header[3:].lower(): text for header, text in headers.items() if header[:3].lower() == "ce-"}

    def read(sent: dict[str, Any]) -> intake.Event:
        return _read({**_from_headers(named, content_type), "data": data}, home)

    return intake.take_document({**named, "data": data}, admit, read, home)


def take_batched(body: bytes, admit: intake.Admit, *, home: str) -> intake.Taken:
    """The events of a batched body, which may be empty; a bad one never takes a good one down."""
    items = decode(body)
    if not isinstance(items, list):
        raise ValidationFailed("A batch is a JSON array of CloudEvents.")
    versions = [item.get("specversion") for item in items if isinstance(item, dict)]
    if len({version for version in versions if isinstance(version, str)}) > 1:
        raise ValidationFailed.field("specversion", "all events of a batch have the same one.")
    if not items:
        if home:
            admit(home)  # nobody who may not send is told that it went well
        return intake.Taken([], [], [], [])
    return intake.take_items(items, admit, partial(_read, home=home), home)


def _read(item: Any, home: str) -> intake.Event:
    return intake.read_event(as_native(item, home))


def as_native(item: Any, home: str) -> dict[str, Any]:
    """The native document of a CloudEvent in JSON, or Problem with the name of the attribute."""
    if not isinstance(item, dict):
        raise Problem("", "a CloudEvent is a JSON object")
    attributes = {name: value for name, value in item.items() if value is not None and name not in DATA}
    for name in REQUIRED:
        if name not in attributes:
            raise Problem(name, f"missing required attribute '{name}'")
    for name, value in attributes.items():
        _check(name, value)
    data = _data(item, attributes)
    more = {name: value for name, value in attributes.items() if name not in REQUIRED + OPTIONAL}
    native = {
        "event_id": f"{attributes['source']}|{attributes['id']}",
        "tenant_id": more.pop("tenantid", home) or None,
        "user_id": attributes.get("subject"),
        "timestamp": attributes.get("time"),
        "event_type": attributes["type"],
        "service_type": attributes["type"],
        "service_provider": attributes["source"],
    }
    native.update((name, value) for name, value in data.items() if value is not None or name not in native)
    if "dataschema" in attributes:
        more["dataschema"] = attributes["dataschema"]
    _add_metadata(native, more)
    if "event_id" not in data and len(native["event_id"]) > LONGEST_ID:
        raise Problem("id", f"source and id together have more than {LONGEST_ID - 1} characters")
    return {name: value for name, value in native.items() if value is not None or name in data}


def _check(name: str, value: Any) -> None:
    """An attribute's name and its value: a text, or in an extension also an Integer or a Boolean."""
    if not _NAME.fullmatch(name):
        raise Problem(name, f"the attribute name {name[:40]!r} may hold only a-z and 0-9")
    own = name in REQUIRED + OPTIONAL
    if isinstance(value, str):
        _check_text(name, value, own)
    elif own:
        raise Problem(name, "it must be a text")
    elif not isinstance(value, int):
        raise Problem(name, "an attribute is a text, a whole number or true or false")
    elif not SMALLEST_INT <= value <= LARGEST_INT:
        raise Problem(name, "a whole number in an attribute has 32 bits; send a text")


def _check_text(name: str, value: str, own: bool) -> None:
    if own and not value:
        raise Problem(name, "it must not be empty")
    if found := _FORBIDDEN.search(value):
        raise Problem(name, f"it holds the character U+{ord(found[0]):04X}, which no attribute may hold")
    pattern, message = _FORMATS.get(name, (None, ""))
    if pattern is not None and not pattern.fullmatch(value):
        raise Problem(name, message)
    if name == "time":
        try:
            msgspec.convert(value, datetime)
        except msgspec.ValidationError as error:
            raise Problem(name, message) from error


def _data(item: dict[str, Any], attributes: dict[str, Any]) -> dict[str, Any]:
    data, encoded = (item.get(name) for name in DATA)
    if data is None and encoded is None:
        return {}
    if data is not None and encoded is not None:
        raise Problem("data_base64", "it stands beside data; send one of them")
    if not _is_json(attributes.get("datacontenttype", "application/json")):
        raise Problem("datacontenttype", "the data of a usage event is JSON")
    if encoded is not None:
        data = _decoded(encoded)
    if not isinstance(data, dict):
        raise Problem("data", "it must be an object that holds the event's fields")
    return data


def _decoded(encoded: Any) -> Any:
    try:
        body = base64.b64decode(encoded, validate=True)
    except (ValueError, TypeError) as error:
        raise Problem("data_base64", "it is not Base64") from error
    try:
        return decode(body)
    except ValidationFailed as error:
        raise Problem("data_base64", error.message) from error


def _add_metadata(native: dict[str, Any], more: dict[str, Any]) -> None:
    """Put what has no field of its own into `metadata`, where it must be new."""
    place = native.get("metadata") or {}
    if not more or not isinstance(place, dict):
        return  # a metadata that is no object is refused with a message of its own
    for name in more:
        if name in place:
            raise Problem(name, "it is given twice, as an attribute and inside metadata")
    native["metadata"] = {**place, **more}


def _from_headers(named: Mapping[str, str], content_type: str) -> dict[str, Any]:
    """The attributes of binary mode, where the Content-Type stands for `datacontenttype`."""
    found = {name: _header_text(name, value) for name, value in named.items()}
    for name in ("datacontenttype", *DATA):
        if name in found:
            raise Problem(name, f"ce-{name} is no header of a CloudEvent")
    return found | ({"datacontenttype": content_type} if content_type else {})


def _header_text(name: str, value: str) -> str:
    """A header's value with quotes undone and percent-encoding decoded once, strictly."""
    text = value.strip(" \t")
    if not text:  # granian hands over a value that is no ASCII as an empty one
        raise Problem(name, "it is empty, or holds what is not visible ASCII and not percent-encoded")
    if text.startswith('"'):
        quoted = _QUOTED.fullmatch(text)
        if quoted is None:
            raise Problem(name, "its quotes do not close")
        text = re.sub(r"\\(.)", r"\1", quoted[1])
    if not _VISIBLE.fullmatch(text):
        raise Problem(name, "percent-encode what is not visible ASCII")
    if _LONE_PERCENT.search(text):
        raise Problem(name, "a % begins no percent-encoding")
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError as error:
        raise Problem(name, "its percent-encoding is not UTF-8") from error


def _is_json(content_type: str) -> bool:
    return bool(_JSON.fullmatch(content_type.partition(";")[0].strip()))
