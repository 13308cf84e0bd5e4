"""What each credential becomes inside a tenant."""

import pytest

from accounts.errors import NotFound, PermissionRefused, ValidationFailed
from accounts.keyring import keyring
from accounts.models import Membership, Scope, Tenant, User
from accounts.principals import Principal, granted, user_principal
from tests.builders import make_key, make_user

pytestmark = pytest.mark.django_db
EVERYTHING = frozenset(Scope.values)


@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        ("owner", EVERYTHING),
        ("admin", EVERYTHING),
        ("member", EVERYTHING - {"admin"}),
        ("viewer", {"read"}),
    ],
)
def test_a_role_is_a_scope(acme: Tenant, role: str, scopes: frozenset[str]) -> None:
    inside = user_principal(make_user("x", acme, role)).enter(None)
    assert (inside.tenant, inside.role, inside.scopes) == (acme, role, scopes)


def test_narrow_scopes_hold_nothing_else() -> None:
    assert granted(["ingest"]) == {"ingest"}
    assert granted(["build", "read"]) == {"build", "read"}
    assert granted(["unheard-of"]) == frozenset()


def test_one_of_several_tenants_is_named_or_the_first_joined(
    owner: User, acme: Tenant, rival: Tenant
) -> None:
    Membership.objects.create(tenant=rival, user=owner, role="viewer")
    person = user_principal(owner)
    assert person.enter(None).home == acme
    assert person.enter("rival").scopes == {"read"}
    assert person.enter(str(acme.pk).upper()).role == "owner"


@pytest.mark.parametrize("name", ["rival", "nowhere", "01a20129-2a4d-73e4-bbc4-b65ac54d48fe"])
def test_another_tenant_is_refused_whether_it_exists_or_not(
    owner: User, acme: Tenant, rival: Tenant, name: str
) -> None:
    key = keyring.principal(make_key(acme, "admin")[1])
    for principal in (user_principal(owner), key):
        with pytest.raises(PermissionRefused):
            principal.enter(name)


def test_an_inactive_tenant_is_closed_to_its_people(owner: User, staff: User, acme: Tenant) -> None:
    Tenant.objects.update(is_active=False)
    with pytest.raises(PermissionRefused):
        user_principal(owner).enter("acme")
    with pytest.raises(NotFound):
        user_principal(staff).enter("acme")


def test_the_platform_names_a_tenant_unless_it_belongs_to_one(staff: User, acme: Tenant) -> None:
    person = user_principal(staff)
    with pytest.raises(ValidationFailed):
        person.enter(None)
    with pytest.raises(ValidationFailed):
        Principal(kind="master", actor="master", platform=True).enter(None)
    assert person.enter("acme").scopes == EVERYTHING
    Membership.objects.create(tenant=acme, user=staff, role="viewer")
    assert (person.enter(None).tenant, person.enter(None).scopes) == (acme, EVERYTHING)


def test_outside_a_tenant_there_is_no_home(owner: User) -> None:
    person = user_principal(owner)
    assert person.scopes == frozenset()
    with pytest.raises(PermissionRefused):
        _ = person.home
