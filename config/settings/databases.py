"""One database, named by DATABASE_URL: SQLite in `var/` or PostgreSQL."""

import re
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from config.settings.env import STRICT, VAR_DIR, env

# DATABASE_URL names PgBouncer or alike, in transaction mode.
DATABASE_TRANSACTION_POOLING: bool = env.bool("DATABASE_TRANSACTION_POOLING", default=False)


def _url() -> str:
    """The URL in Django's form; the older services wrote `postgresql+asyncpg://` or a bare path."""
    url: str = env.str("DATABASE_URL", default="") or f"sqlite:///{VAR_DIR / 'skyledger.sqlite3'}"
    url = re.sub(r"^(\w+)\+\w+://", r"\1://", url)
    return url if "://" in url else f"sqlite:///{url}"


def _database() -> dict[str, Any]:
    config: dict[str, Any] = env.db_url_config(_url())
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
        },
    }
    return config


DATABASES = {"default": _database()}
DATABASE_WAIT_SECONDS: int = env.int("DATABASE_WAIT_SECONDS", default=60 if STRICT else 10)
