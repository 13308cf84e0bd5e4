"""The demo tenants, people and keys of a development machine. Production refuses to start beside them."""

from dataclasses import dataclass
from typing import Final

from accounts.models import Membership, Scope

DEMO_PASSWORD: Final = "demo12345"  # noqa: S105  (public by design, and refused outside development)


@dataclass(frozen=True, slots=True)
class DemoPerson:
    email: str
    first_name: str
    last_name: str
    password: str = DEMO_PASSWORD
    username: str | None = None
    tenant: str = ""
    role: str = ""
    staff: bool = False


@dataclass(frozen=True, slots=True)
class DemoKey:
    key: str
    tenant: str
    name: str
    scope: str


DEMO_TENANTS: Final = {"demo-tenant": "Demo Cloud GmbH", "test-tenant": "Test Tenant", "dev": "Development"}
DEMO_PEOPLE: Final = (
    DemoPerson("admin@example.com", "Ada", "Admin", password="admin123", username="admin", staff=True),  # noqa: S106
    DemoPerson("owner@example.com", "Olivia", "Owner", tenant="demo-tenant", role=Membership.Role.OWNER),
    DemoPerson("member@example.com", "Milan", "Member", tenant="demo-tenant", role=Membership.Role.MEMBER),
    DemoPerson("stranger@example.com", "Sam", "Stranger", tenant="test-tenant", role=Membership.Role.OWNER),
)
DEMO_API_KEYS: Final = (
    DemoKey("test-api-key", "test-tenant", "Test key", Scope.WRITE),
    DemoKey("demo-api-key", "demo-tenant", "Demo key", Scope.WRITE),
    DemoKey("dev-key-12345", "dev", "Development key", Scope.ADMIN),
)
DEMO_EMAILS: Final = tuple(person.email for person in DEMO_PEOPLE)
DEMO_KEYS: Final = tuple(key.key for key in DEMO_API_KEYS)
