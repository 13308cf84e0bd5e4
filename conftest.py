"""The people and keys of the tests: all of `acme`, but for the stranger, who owns `rival`, and the staff."""

from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, transaction
from django.test import override_settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from accounts import redis_link, throttles
from accounts.keyring import keyring
from accounts.models import Membership, Tenant, User
from accounts.tenant_role import tenant_role_ensure
from config import metrics
from tests.builders import make_key, make_tenant, make_user
from tests.flush import quicken
from tests.servers.onebox import begin

Role = Membership.Role
# A busy machine is no fault, and a tenant may serve many examples.
hypothesis.register_profile(
    "tests",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis.load_profile("tests")


def pytest_configure() -> None:
    quicken()
    settings.WHITENOISE_AUTOREFRESH = True  # each test's client would read all static files anew, 0.1 s
    settings.PASSWORD_HASHERS = ["tests.builders.QuickArgon2", *settings.PASSWORD_HASHERS[1:]]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None, worker_id: str) -> None:
    """SQLite in a file of each process, as in real life: in memory it locks and journals differently."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["NAME"] = str(Path(settings.VAR_DIR) / f"test-{worker_id}.sqlite3")


@pytest.fixture(autouse=True)
def forget_everything() -> None:
    """What a process remembers outside the database: keys, counts, connections, the state of Redis."""
    keyring.clear()
    throttles.limiter._leases.clear()
    throttles.limiter._refuses_until = 0.0
    redis_link.breaker._open_until = 0.0
    for remembered in (throttles._local, throttles._shared, redis_link.client, redis_link.patient_client):
        remembered.cache_clear()
    cache.clear()  # with Redis this empties the whole database of this process


@pytest.fixture
def few_samples() -> None:
    """As a process that just began: those of thousands of calls take /metrics seconds to tell and to read."""
    metrics.API_REQUESTS.clear()
    metrics.API_SECONDS.clear()
    metrics._children.cache_clear()
    metrics._seen.clear()


@pytest.fixture(scope="module")
def demo(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The demo data, loaded once for the tests of a module; what the command said."""
    with django_db_blocker.unblock(), transaction.atomic():
        out = StringIO()
        with override_settings(ENVIRONMENT="development"):
            call_command("load_demo", stdout=out)
        yield out.getvalue()
        transaction.set_rollback(True)


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a whole platform that has started once, which loads the demo data, and ended."""
    return begin(tmp_path_factory.mktemp("begun"))


@pytest.fixture(scope="session")
def tenants_role(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        tenant_role_ensure(connection)


@pytest.fixture
def secured(tenants_role: None, db: None, settings: Any) -> None:
    """What is done for a tenant is done with the tenants' role."""
    settings.DATABASE_ROW_SECURITY = True


@pytest.fixture
def acme(db: None) -> Tenant:
    return make_tenant("acme")


@pytest.fixture
def rival(db: None) -> Tenant:
    return make_tenant("rival")


@pytest.fixture
def owner(acme: Tenant) -> User:
    return make_user("owner", acme, Role.OWNER)


@pytest.fixture
def admin_user(acme: Tenant) -> User:
    """Overrides pytest-django's superuser of that name: an admin of a tenant, not of the platform."""
    return make_user("admin", acme, Role.ADMIN)


@pytest.fixture
def member(acme: Tenant) -> User:
    return make_user("member", acme, Role.MEMBER)


@pytest.fixture
def viewer(acme: Tenant) -> User:
    return make_user("viewer", acme, Role.VIEWER)


@pytest.fixture
def stranger(rival: Tenant) -> User:
    return make_user("stranger", rival, Role.OWNER)


@pytest.fixture
def staff(db: None) -> User:
    """Platform staff, a superuser in the admin."""
    return make_user("staff", is_staff=True, is_superuser=True)


@pytest.fixture
def key(acme: Tenant) -> Callable[..., str]:
    """`key("read")`: a new key of acme with these scopes."""
    return lambda *scopes: make_key(acme, *scopes)[1]


@pytest.fixture
def stranger_key(rival: Tenant) -> str:
    """Everything in rival, nothing in acme."""
    return make_key(rival, "admin")[1]


@pytest.fixture
def client_for() -> Callable[..., APIClient]:
    """`client_for(user)` sends a JWT, `client_for(key)` an API key, `client_for(None)` nothing."""

    def client(who: User | str | None, **headers: str) -> APIClient:
        sent = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        if isinstance(who, User):
            sent["HTTP_AUTHORIZATION"] = f"Bearer {_access_token(who)}"
        elif who:
            sent["HTTP_X_API_KEY"] = who
        caller = APIClient()
        caller.credentials(**sent)
        return caller

    return client


def _access_token(user: User) -> str:
    token = AccessToken()
    token["sub"] = str(user.pk)
    token["pwd"] = user.password_mark
    return str(token)
