"""Pages of other origins: the platform's for everyone, a tenant's own for its calls alone."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import Tenant
from config.cors import tenant_origins

OURS = "https://app.skyledger.example"
ACME = "https://acme.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def origins(settings: Any, acme: Tenant) -> Iterator[None]:
    settings.CORS_ALLOWED_ORIGINS = [OURS]
    acme.cors_origins = [ACME]
    acme.save()
    tenant_origins.clear()
    yield
    tenant_origins.clear()


def allowed(answer: Any) -> str | None:
    origin: str | None = answer.headers.get("Access-Control-Allow-Origin")
    return origin


def preflight(origin: str, path: str = "/api/v1/usage") -> Any:
    return Client().options(path, headers={"Origin": origin, **PREFLIGHT})


@pytest.mark.parametrize(
    ("origin", "granted"),
    [
        (OURS, True),
        (ACME, True),
        ("https://evil.example", False),
        (f"{ACME}.evil.example", False),
        ("null", False),
    ],
)
def test_a_preflight_passes_for_ours_and_for_any_tenants(origin: str, granted: bool) -> None:
    answer = preflight(origin)
    assert allowed(answer) == (origin if granted else None)
    assert "Access-Control-Allow-Credentials" not in answer


def test_a_tenants_page_reads_its_own_answers_only(key: Callable[..., str], stranger_key: str) -> None:
    def call(credential: str) -> Any:
        return Client().get("/api/v1/usage", headers={"Origin": ACME, "X-API-Key": credential})

    own, foreign, nobody = call(key("read")), call(stranger_key), call("no-such-key")
    assert (own.status_code, allowed(own)) == (200, ACME)
    assert (foreign.status_code, allowed(foreign)) == (200, None)
    assert (nobody.status_code, allowed(nobody)) == (401, None)
    assert "origin" in own["Vary"].lower()
    assert "x-request-id" in own["Access-Control-Expose-Headers"]


def test_our_own_pages_read_even_errors() -> None:
    answer = Client().get("/api/v1/usage", headers={"Origin": OURS})
    assert (answer.status_code, allowed(answer)) == (401, OURS)


def test_an_inactive_tenants_origin_counts_no_more(acme: Tenant) -> None:
    Tenant.objects.filter(pk=acme.pk).update(is_active=False)
    tenant_origins.clear()
    assert allowed(preflight(ACME)) is None


@pytest.mark.parametrize("path", ["/console/sign-in", "/admin/login/"])
@pytest.mark.parametrize("origin", [OURS, ACME])
def test_pages_for_people_are_not_shared(path: str, origin: str) -> None:
    assert allowed(preflight(origin, path)) is None


def test_the_origins_are_remembered_for_a_while(django_assert_num_queries: Any) -> None:
    preflight(ACME)
    with django_assert_num_queries(0):
        preflight(ACME)
