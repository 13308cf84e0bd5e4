"""One database, named by DATABASE_URL: SQLite in `var/` or PostgreSQL."""

import re
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from config.settings.env import STRICT, VAR_DIR, env

# Tenants are spread over several servers by Citus, which joins what it finds on one of them.
DATABASE_DISTRIBUTED: bool = env.bool("DATABASE_DISTRIBUTED", default=False)
# DATABASE_URL names PgBouncer or alike, in transaction mode.
DATABASE_TRANSACTION_POOLING: bool = env.bool("DATABASE_TRANSACTION_POOLING", default=False)


def _url(name: str, default: str) -> str:
    """The URL in Django's form; the older services wrote `postgresql+asyncpg://` or a bare path."""
    url: str = env.str(name, default="") or default
    url = re.sub(r"^(\w+)\+\w+://", r"\1://", url)
    return url if "://" in url or not url else f"sqlite:///{url}"


def _database(url: str) -> dict[str, Any]:
    config: dict[str, Any] = env.db_url_config(url)
    kind = "postgresql" if config["ENGINE"].endswith("postgresql") else "sqlite"
    wanted = env.str("DATABASE_TYPE", default="auto")
    if wanted not in {"auto", kind}:
        raise ImproperlyConfigured(f"DATABASE_TYPE is {wanted!r} but DATABASE_URL names a {kind} database.")
    if kind == "sqlite":
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        # Immediate transactions take the write lock first, so that no reader has to become a writer
        # and fail. FULL makes a commit survive power loss too, not only the end of the process.
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000;",
        }
        return config
    config["CONN_HEALTH_CHECKS"] = True
    given = config.get("OPTIONS", {})
    if DATABASE_TRANSACTION_POOLING:
        config["ENGINE"] = "config.pooled"
    else:
        # Compiling a query of sums takes a second and saves none; what the URL says goes before it. A pooler
        # takes no such options: there the role is told (docs/scale.md).
        given["options"] = f"-c jit=off {given.get('options', '')}".strip()
    config["OPTIONS"] = given | {
        "connect_timeout": 5,
        "application_name": "skyledger",
        "pool": {
            "min_size": 1,
            "max_size": env.int("DATABASE_POOL_SIZE", default=10),
            "timeout": 2,  # how long a request waits for a connection while the database is away
            # What the server keeps for one, plans and shapes of tables, grows with all that it was asked.
            "max_lifetime": 600,
            # What a burst took goes back after it, one a minute; it would be one in ten.
            "max_idle": 60,
        },
    }
    return config


DATABASES = {"default": _database(_url("DATABASE_URL", f"sqlite:///{VAR_DIR / 'skyledger.sqlite3'}"))}
DATABASE_ROUTERS: list[str] = []
# A standby that streams from DATABASE_URL's; heavy reads go there (accounts/replica.py).
if _replica := _url("DATABASE_REPLICA_URL", ""):
    DATABASES["replica"] = _database(_replica) | {"TEST": {"MIRROR": "default"}}
    DATABASE_ROUTERS = ["accounts.replica.Router"]
    if any("sqlite" in database["ENGINE"] for database in DATABASES.values()):
        raise ImproperlyConfigured("DATABASE_REPLICA_URL is for PostgreSQL that follows PostgreSQL.")
# What is done for one tenant is done with a role to which PostgreSQL shows that tenant's rows alone. A pooler
# of transactions would forget it between two of them; servers of a cluster are not told (docs/security.md).
_can_secure: bool = DATABASES["default"]["ENGINE"].endswith("postgresql") and not DATABASE_DISTRIBUTED
DATABASE_ROW_SECURITY: bool = env.bool("DATABASE_ROW_SECURITY", default=True) and _can_secure
DATABASE_WAIT_SECONDS: int = env.int("DATABASE_WAIT_SECONDS", default=60 if STRICT else 10)
