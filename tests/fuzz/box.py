"""What is fuzzed: production's web process and an event writer on servers of their own; and who calls it."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.faults.programs import Web, Writer
from tests.faults.stack import manage
from tests.servers import Postgres, Redis

LIMITS: Final = ("DEFAULT", "API_KEY", "TENANT", "ADMIN", "SIGN_IN")
SETUP: Final = """
import json
from datetime import timedelta
from django.core.management import call_command
from rest_framework_simplejwt.tokens import AccessToken
from accounts.models import Membership, Tenant
from tests.builders import make_key, make_tenant, make_user
from tests.full_tenant import tenant_fill
call_command("migrate", verbosity=0)
places = tenant_fill()
acme, rival = Tenant.objects.get(), make_tenant("rival")
row, key = make_key(acme, "admin", name="fuzz")
person = make_user("fuzz", acme, Membership.Role.OWNER)
token = AccessToken()
token["sub"], token["pwd"] = str(person.pk), person.password_mark
token.set_exp(lifetime=timedelta(days=1))
print(json.dumps({
    "places": places,
    "spared": [str(one.pk) for one in (row, person)],
    "key": key,
    "person": str(token),
    "stranger": make_key(rival, "admin")[1],
}))
"""


@dataclass(frozen=True)
class Box:
    """`callers` has the headers of each; `known` is what the hooks are told."""

    web: Web
    callers: dict[str, dict[str, str]]
    known: dict[str, Any]


@contextmanager
def box(folder: Path) -> Iterator[Box]:
    master = secrets.token_urlsafe(48)
    with Postgres(durable=False) as postgres, Redis() as redis:
        environment = {
            "ENVIRONMENT": "test",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "MASTER_TOKEN": master,
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url,
            "EVENT_STREAM": "skyledger:fuzz",
            "VAR_DIR": str(folder),
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "ERROR"),
            # Counted in full, but out of reach.
            **{f"RATE_LIMIT_{name}": "1000000000" for name in LIMITS},
        }
        known = json.loads(manage(environment, SETUP))
        callers = {
            "key": {"X-API-Key": known["key"]},
            "person": {"Authorization": f"Bearer {known['person']}"},
            "master": {"Authorization": f"Bearer {master}", "X-Tenant-ID": "acme"},
        }
        with Web(environment) as web, Writer(environment):  # without one the web process is soon not ready
            yield Box(web, callers, known)
