"""All that can be read of a tenant which has something of everything is as the OpenAPI document says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

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

# What is said in another form than JSON, when asked so.
ALSO: Final = {"/api/v1/builds/{id}/resume-context": ("yaml", "env")}


def sent(answer: Any) -> Response:
    """What the test's client was answered, as it would come over the wire."""
    headers = {name.lower(): [value] for name, value in answer.headers.items()}
    request = requests.Request("GET", "http://testserver/").prepare()
    return Response(answer.status_code, headers, answer.getvalue(), request, elapsed=0, verify=False)


def test_every_read_answers_as_documented(db: None, client_for: Callable[..., APIClient]) -> None:
    with (Path(settings.BASE_DIR) / "docs/openapi.yaml").open() as file:
        document = yaml.load(file, yaml.CSafeLoader)
    schema = schemathesis.openapi.from_dict(document)
    secrets = tenant_fill()
    client = client_for(make_key(Tenant.objects.get(), "admin")[1])
    wrong: dict[str, str] = {}
    for path, methods in document["paths"].items():
        if "get" not in methods:
            continue
        url = filled(path, {**secrets, "{organization_id}": "acme"})
        for query in ("", *(f"?format={form}" for form in ALSO.get(path, ()))):
            answer = client.get(url + query)
            try:
                schema[path]["GET"].validate_response(sent(answer))
            except (Failure, FailureGroup) as error:
                wrong[url + query] = f"{answer.status_code}: {error}"
    assert wrong == {}
