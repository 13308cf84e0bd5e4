"""The demo tenants, people and keys of a development machine. Production refuses to start beside them."""

from dataclasses import dataclass
from typing import Final

from django.db import transaction

from accounts.models import Membership, Scope, Tenant, User
from accounts.principals import SYSTEM
from accounts.services.keys import api_key_adopt
from accounts.services.tenants import tenant_create
from accounts.services.users import user_create
from accounts.staff import StaffRole

DEMO_PASSWORD: Final = "demo12345"  # noqa: S105  (public by design, and refused outside development)


@dataclass(frozen=True, slots=True)
class DemoPerson:
    email: str
    first_name: str
    last_name: str
    password: str = DEMO_PASSWORD
    username: str | None = None
    tenant: str = ""
    role: str = Membership.Role.MEMBER
    staff: bool = False
    staff_role: str = ""
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class DemoKey:
    key: str
    tenant: str
    name: str
    scope: str


DEMO_TENANTS: Final = {"demo-tenant": "Demo Cloud GmbH", "test-tenant": "Test Tenant", "dev": "Development"}
DEMO_PEOPLE: Final = (
    DemoPerson(
        "admin@example.com",
        "Ada",
        "Admin",
        password="admin123",  # noqa: S106
        username="admin",
        tenant="dev",
        role=Membership.Role.OWNER,
        staff=True,
    ),
    DemoPerson(
        "owner@example.com",
        "Olivia",
        "Owner",
        tenant="demo-tenant",
        role=Membership.Role.OWNER,
        timezone="Europe/Berlin",
    ),
    DemoPerson("member@example.com", "Milan", "Member", tenant="demo-tenant", role=Membership.Role.MEMBER),
    DemoPerson("stranger@example.com", "Sam", "Stranger", tenant="test-tenant", role=Membership.Role.OWNER),
    DemoPerson("support@example.com", "Suri", "Support", staff_role=StaffRole.SUPPORT),
    DemoPerson("operator@example.com", "Otis", "Operator", staff_role=StaffRole.OPERATOR),
)
DEMO_API_KEYS: Final = (
    DemoKey("test-api-key", "test-tenant", "Test key", Scope.WRITE),
    DemoKey("demo-api-key", "demo-tenant", "Demo key", Scope.WRITE),
    DemoKey("dev-key-12345", "dev", "Development key", Scope.ADMIN),
)
DEMO_EMAILS: Final = tuple(person.email for person in DEMO_PEOPLE)
DEMO_KEYS: Final = tuple(key.key for key in DEMO_API_KEYS)


@transaction.atomic
def demo_accounts_load() -> dict[str, Tenant]:
    """Create what is missing of the demo tenants, people and keys; the tenants by slug.

    What is there already stays as its owner left it.
    """
    tenants = {slug: _tenant(slug, name) for slug, name in DEMO_TENANTS.items()}
    for person in DEMO_PEOPLE:
        if not User.objects.filter(email=person.email).exists():
            _create(person, tenants)
    for key in DEMO_API_KEYS:
        api_key_adopt(tenant=tenants[key.tenant], text=key.key, name=key.name, scopes=[key.scope])
    return tenants


def _tenant(slug: str, name: str) -> Tenant:
    return Tenant.objects.filter(slug=slug).first() or tenant_create(by=SYSTEM, slug=slug, name=name)


def _create(person: DemoPerson, tenants: dict[str, Tenant]) -> None:
    user = user_create(
        by=SYSTEM,
        email=person.email,
        password=None,
        username=person.username,
        first_name=person.first_name,
        last_name=person.last_name,
        is_superuser=person.staff,
        staff_role=person.staff_role,
        timezone=person.timezone,
        tenant=tenants.get(person.tenant),
        role=person.role,
    )
    # Set past the rules that a real person's password has to meet. No mail reaches these addresses, so they
    # count as proven: whoever shares a folder with one of them lets them in at once.
    user.set_password(person.password)
    user.email_verified = True
    user.save(update_fields=["password", "email_verified"])
