"""The Postman collections ask for what there is; `make newman` runs them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from django.conf import settings

from accounts.demo import DEMO_KEYS, DEMO_PEOPLE

ROOT: Final = Path(settings.BASE_DIR)
COLLECTIONS: Final = sorted((ROOT / "postman").glob("*.postman_collection.json"))
VARIABLE: Final = re.compile(r"\{\{(\w+)\}\}")
KEPT: Final = re.compile(r"pm\.collectionVariables\.set\('(\w+)'")


def requests_of(folder: Any) -> Iterator[Any]:
    """Every request below a folder, in the order in which they run."""
    for item in folder["item"]:
        if "request" in item:
            yield item
        else:
            yield from requests_of(item)


def collection(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def operations() -> set[tuple[str, str]]:
    """(method, path), a parameter in a path being `{}`."""
    with (ROOT / "docs/openapi.yaml").open() as file:
        paths = yaml.load(file, yaml.CSafeLoader)["paths"]
    return {(method, re.sub(r"\{\w+\}", "{}", path)) for path, methods in paths.items() for method in methods}


def environment() -> dict[str, str]:
    (file,) = (ROOT / "postman").glob("*.postman_environment.json")
    return {row["key"]: row["value"] for row in json.loads(file.read_text())["values"]}


def test_both_are_there() -> None:
    names = [path.name.partition(".")[0] for path in COLLECTIONS]
    assert names == ["build-state-api-tests", "build-state-synthetic-transactions"]
    assert [len(list(requests_of(collection(path)))) > 30 for path in COLLECTIONS] == [True, True]


@pytest.mark.parametrize("path", COLLECTIONS, ids=lambda path: path.name.partition(".")[0])
def test_each_request_names_a_route(path: Path, operations: set[tuple[str, str]]) -> None:
    for item in requests_of(collection(path)):
        raw = item["request"]["url"]["raw"].removeprefix("{{baseUrl}}").partition("?")[0]
        asked = raw.removeprefix("/api/v1").split("/")
        method = item["request"]["method"].lower()
        found = [
            there
            for verb, there in operations
            if verb == method and fits(asked, there.removeprefix("/api/v1").split("/"))
        ]
        assert found, f"{method} {raw}"


def fits(asked: list[str], there: list[str]) -> bool:
    """A variable of the collection stands only where the route has a parameter."""
    return len(asked) == len(there) and all(b in (a, "{}") for a, b in zip(asked, there, strict=True))


@pytest.mark.parametrize("path", COLLECTIONS, ids=lambda path: path.name.partition(".")[0])
def test_each_body_is_json_and_each_variable_is_known_by_then(path: Path) -> None:
    known = {*environment()}
    for item in requests_of(collection(path)):
        request, scripts = (
            item["request"],
            {event["listen"]: event["script"]["exec"] for event in item["event"]},
        )
        known |= set(KEPT.findall("\n".join(scripts.get("prerequest", []))))
        assert set(VARIABLE.findall(json.dumps(request))) <= known, item["name"]
        if request.get("body", {}).get("mode") == "raw":
            json.loads(request["body"]["raw"])
        known |= set(KEPT.findall("\n".join(scripts["test"])))


def test_the_environment_opens_the_demo_data() -> None:
    values = environment()
    assert {values["apiKey"], values["strangerKey"]} <= set(DEMO_KEYS)
    people = [(person.username, person.password) for person in DEMO_PEOPLE]
    assert (values["adminUsername"], values["adminPassword"]) in people


def test_the_lock_names_no_registry() -> None:
    """Everybody's npm asks the registry that it is set to, and each package has a hash."""
    packages = json.loads((ROOT / "postman/package-lock.json").read_text())["packages"]
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert package.get("integrity") or name == ""
