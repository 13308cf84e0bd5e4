"""The people of the tests are who they say they are."""

from collections.abc import Callable

from rest_framework.test import APIClient

from accounts.authentication import credential_principal
from accounts.models import Tenant, User
from accounts.principals import Principal


def _principal(client: APIClient) -> Principal | None:
    sent = client._credentials  # type: ignore[attr-defined]
    return credential_principal(sent.get("HTTP_X_API_KEY", ""), sent.get("HTTP_AUTHORIZATION", ""))


def test_each_person_has_the_scopes_of_their_role(
    owner: User,
    admin_user: User,
    member: User,
    viewer: User,
    stranger: User,
    staff: User,
    acme: Tenant,
    client_for: Callable[..., APIClient],
) -> None:
    seen = {}
    for user in (owner, admin_user, member, viewer, stranger, staff):
        principal = _principal(client_for(user))
        assert principal is not None
        inside = principal.enter(None if user != staff else acme.slug)
        seen[user.email.partition("@")[0]] = (inside.home.slug, inside.role, len(inside.scopes))
    assert seen == {
        "owner": ("acme", "owner", 5),
        "admin": ("acme", "admin", 5),
        "member": ("acme", "member", 4),
        "viewer": ("acme", "viewer", 1),
        "stranger": ("rival", "owner", 5),
        "staff": ("acme", "platform", 5),
    }


def test_keys_open_their_own_tenant(
    key: Callable[..., str], stranger_key: str, client_for: Callable[..., APIClient]
) -> None:
    reader, stranger = _principal(client_for(key("read"))), _principal(client_for(stranger_key))
    assert reader is not None
    assert stranger is not None
    assert (reader.home.slug, reader.scopes) == ("acme", frozenset({"read"}))
    assert stranger.home.slug == "rival"
    assert _principal(client_for(None)) is None
