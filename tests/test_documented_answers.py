"""All that can be read of a tenant which has something of everything is as the OpenAPI document says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import schemathesis
import yaml
from django.conf import settings
from rest_framework.test import APIClient
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.transport import Response

from accounts.models import Tenant
from tests.builders import make_key
from tests.full_tenant import filled, tenant_fill

pytestmark = pytest.mark.full  # what a read says follows from the code, not from the database
# What is said in another form than JSON, when asked so.
ALSO: Final = {"/api/v1/builds/{id}/resume-context": ("yaml", "env")}


def sent(answer: Any) -> Response:
    """What the test's client was answered, as it would come over the wire."""
    headers = {name.lower(): [value] for name, value in answer.headers.items()}
    request = requests.Request("GET", "http://testserver/").prepare()
    return Response(answer.status_code, headers, answer.getvalue(), request, elapsed=0, verify=False)


@pytest.fixture
def owner(db: None, client_for: Callable[..., APIClient]) -> tuple[APIClient, dict[str, str]]:
    """An administrator's client, and what names the objects of the tenant."""
    secrets = tenant_fill()
    return client_for(make_key(Tenant.objects.get(), "admin")[1]), {**secrets, "{organization_id}": "acme"}


def document() -> dict[str, Any]:
    with (Path(settings.BASE_DIR) / "docs/openapi.yaml").open() as file:
        found: dict[str, Any] = yaml.load(file, yaml.CSafeLoader)
    return found


def test_every_read_answers_as_documented(owner: tuple[APIClient, dict[str, str]]) -> None:
    client, secrets = owner
    described = document()
    schema = schemathesis.openapi.from_dict(described)
    wrong: dict[str, str] = {}
    for path in (path for path, methods in described["paths"].items() if "get" in methods):
        for query in ("", *(f"?format={form}" for form in ALSO.get(path, ()))):
            answer = client.get(filled(path, secrets) + query)
            try:
                schema[path]["GET"].validate_response(sent(answer))
            except (Failure, FailureGroup) as error:
                wrong[path + query] = f"{answer.status_code}: {error}"
    assert wrong == {}


def test_every_path_says_what_it_is(owner: tuple[APIClient, dict[str, str]]) -> None:
    client, secrets = owner
    answers = {path: client.options(filled(path, secrets)) for path in document()["paths"]}
    assert {
        path: answer.status_code for path, answer in answers.items() if answer.status_code not in {200, 403}
    } == {}
    assert [path for path, answer in answers.items() if b'"actions"' in answer.getvalue()] == []
