"""What the OpenAPI document says of each call is about the call, not about what its view is built on."""

from typing import Any

from drf_spectacular.generators import SchemaGenerator

from accounts.api import auth, base

TAGS = {"activity", "api-keys", "auth", "tenants", "users"}


def test_every_call_is_described_by_its_own_words() -> None:
    paths: dict[str, dict[str, Any]] = SchemaGenerator().get_schema(public=True)["paths"]  # type: ignore[no-untyped-call]
    said = {
        f"{method} {path}": call.get("description", "")
        for path, calls in paths.items()
        for method, call in calls.items()
        if TAGS & set(call["tags"])
    }
    assert len(said) > 30
    assert [call for call, text in said.items() if not text] == []
    for view in (base.NoStoreMixin, base.TenantViewSet, auth.OpenView):
        assert view.__doc__
        assert [call for call, text in said.items() if view.__doc__.split("\n")[0] in text] == []
