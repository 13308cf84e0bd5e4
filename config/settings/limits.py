"""Rate limits, per minute over a sliding window; a tenant's or key's own limit replaces these."""

from typing import Final

from config.settings.env import env

RATE_LIMIT_WINDOW: Final[int] = env.int("RATE_LIMIT_WINDOW", default=60)
RATE_LIMIT_DEFAULT: Final[int] = env.int("RATE_LIMIT_DEFAULT", default=100)
RATE_LIMIT_API_KEY: Final[int] = env.int(
    "RATE_LIMIT_API_KEY", default=env.int("RATE_LIMIT_PER_MINUTE", default=1000)
)
RATE_LIMIT_TENANT: Final[int] = env.int("RATE_LIMIT_TENANT", default=6000)
RATE_LIMIT_ADMIN: Final[int] = env.int("RATE_LIMIT_ADMIN", default=10_000)
RATE_LIMIT_SIGN_IN: Final[int] = env.int("RATE_LIMIT_SIGN_IN", default=20)

# While a configured Redis is away: count in each process (true), or answer 503 (false).
RATE_LIMIT_FAIL_OPEN: Final[dict[str, bool]] = {
    "sign_in": env.bool("RATE_LIMIT_FAIL_OPEN_SIGN_IN", default=True),
    "api": env.bool("RATE_LIMIT_FAIL_OPEN_API", default=True),
    "ingest": env.bool("RATE_LIMIT_FAIL_OPEN_INGEST", default=True),
}

MAX_BATCH_SIZE: Final[int] = env.int("MAX_BATCH_SIZE", default=1000)

# Files of resources and costs: as they are sent, and unpacked.
IMPORT_MAX_BYTES: Final[int] = env.int("IMPORT_MAX_BYTES", default=1024**3)
IMPORT_MAX_UNPACKED_BYTES: Final[int] = env.int("IMPORT_MAX_UNPACKED_BYTES", default=8 * 1024**3)

# How many products a person may create in so many seconds.
RATE_LIMIT_PRODUCT_CREATION_MAX: Final[int] = env.int("RATE_LIMIT_PRODUCT_CREATION_MAX", default=1)
RATE_LIMIT_PRODUCT_CREATION_WINDOW: Final[int] = env.int("RATE_LIMIT_PRODUCT_CREATION_WINDOW", default=7200)
