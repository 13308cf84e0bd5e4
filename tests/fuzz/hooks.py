"""What schemathesis does here beside its own: it names objects that exist, and asks as a stranger too."""

import json
import os
import zlib
from pathlib import Path
from typing import Any, Final

import requests
import schemathesis
from schemathesis.core.failures import Failure

MARK: Final = "acme-secret"  # as in tests.full_tenant, which needs Django
KNOWN: Final = json.loads(Path(os.environ["FUZZ_KNOWN"]).read_text())
# The longest first: `{id}` of one kind may stand behind another's.
PLACES: Final = sorted(KNOWN["places"].items(), key=lambda item: -len(item[0]))
KINDS: Final = ("{product}", "{rule}")  # they name kinds, and no object of a tenant's
# A stranger may have used the same idempotency key for a call of their own.
OWN_HEADERS: Final = {"x-api-key", "authorization", "cookie", "idempotency-key"}
WRITES: Final = {"POST", "PUT", "PATCH", "DELETE"}


class LetIn(Failure):
    """A stranger saw or did something."""


def known_names(path: str) -> dict[str, str]:
    """What to put for each name in a path."""
    found = {}
    for place, value in PLACES:
        prefix, _, name = place.rpartition("{")
        if name and place in path:
            found[name.rstrip("}")] = value
            path = path.replace(place, prefix + value)
    return found


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Nobody takes their own key away."""
    named = {str(value) for value in (case.path_parameters or {}).values()}
    return case.method not in WRITES or named.isdisjoint(KNOWN["spared"])


@schemathesis.hook
def map_case(context: Any, case: Any) -> Any:
    """Most calls name what is there; few wait for a worker that there is not."""
    case.headers["Prefer"] = "wait=0"
    chance = zlib.crc32(repr(case.path_parameters).encode("utf-8", "replace")) % 10
    if case.path_parameters and case.method != "DELETE" and chance < 7:
        case.path_parameters.update(known_names(case.path))
    return case


@schemathesis.check
def strangers_get_nothing(context: Any, response: Any, case: Any) -> None:
    """What was done or shown is asked again with another tenant's key: 403 or 404."""
    if not _is_of_a_tenant(case) or not (response.status_code < 300 or response.status_code == 409):
        return
    if b'"shared":true' in response.content:  # the platform's own, for everybody
        return
    asked = response.request
    headers = {name: text for name, text in asked.headers.items() if name.lower() not in OWN_HEADERS}
    headers["X-API-Key"] = KNOWN["stranger"]
    answer = requests.request(asked.method, asked.url, headers=headers, data=asked.body, timeout=60)
    shown = MARK in answer.text and MARK not in str(asked.url)
    if shown or answer.status_code not in {403, 404}:
        told = f"{answer.status_code}: {answer.text[:500]}"
        raise LetIn(operation=case.operation.label, title="A stranger is let in", message=told)


def _is_of_a_tenant(case: Any) -> bool:
    secured = case.operation.definition.raw.get("security")
    named = case.path_parameters and not any(kind in case.path for kind in KINDS)
    return bool(secured and named) and case.method != "OPTIONS" and not case.path.startswith("/ws/")
