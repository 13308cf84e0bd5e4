"""The default account at Gcore, under the older service's names, and how it is asked."""

from typing import Final

from django.core.exceptions import ImproperlyConfigured

from config.settings.env import ENVIRONMENT, STRICT, env

GCORE_API_BASE: str = env.str("GCORE_API_BASE", default="https://api.gcore.com").rstrip("/")
# What stays on this machine, such as the simulator, needs no TLS.
if STRICT and not GCORE_API_BASE.startswith(("https://", "http://127.0.0.1:")):
    raise ImproperlyConfigured("GCORE_API_BASE must begin with https://: credentials are sent there.")
GCORE_API_TOKEN: str = env.str("GCORE_API_TOKEN", default="")
GCORE_USERNAME: str = env.str("GCORE_USERNAME", default="")
GCORE_PASSWORD: str = env.str("GCORE_PASSWORD", default="")
if bool(GCORE_USERNAME) != bool(GCORE_PASSWORD):
    raise ImproperlyConfigured("GCORE_USERNAME and GCORE_PASSWORD are given together or not at all.")
GCORE_API_GENERATION: Final[str] = env.str("GCORE_API_GENERATION", default="current")
if GCORE_API_GENERATION not in {"current", "legacy"}:
    raise ImproperlyConfigured("GCORE_API_GENERATION must be current or legacy.")
GCORE_REPORT_TEMPLATE: Final[str] = env.str("GCORE_REPORT_TEMPLATE", default="")
GCORE_END_IS_EXCLUSIVE: Final[bool] = env.bool("GCORE_END_IS_EXCLUSIVE", default=False)
# Of a token that does not say itself when it expires.
GCORE_TOKEN_SECONDS: Final[int] = env.int("TOKEN_CACHE_DURATION", default=1800)
GCORE_REQUEST_TIMEOUT: Final[float] = env.float("REQUEST_TIMEOUT", default=30.0)
GCORE_MAX_REPORT_BYTES: Final[int] = env.int("GCORE_MAX_REPORT_BYTES", default=1024**3)
GCORE_DOWNLOAD_SECONDS: Final[float] = env.float("GCORE_DOWNLOAD_SECONDS", default=300.0)
REPORT_POLL_TIMEOUT: Final[float] = env.float("REPORT_POLL_TIMEOUT", default=600.0)
# On a developer's machine without credentials `manage.py serve` answers for Gcore itself.
GCORE_SIMULATED: Final[bool] = ENVIRONMENT == "development" and not (GCORE_API_TOKEN or GCORE_USERNAME)
# Seconds until Gcore is first asked again; half as long again from one time to the next, up to a minute.
REPORT_POLL_INTERVAL: Final[float] = env.float(
    "REPORT_POLL_INTERVAL", default=1.0 if GCORE_SIMULATED else 10.0
)
# A worker that has said nothing for so long is dead, and its report another's.
REPORT_LEASE_SECONDS: Final[float] = env.float("REPORT_LEASE_SECONDS", default=60.0)
# For so long a finished report answers the same question again.
REPORT_FRESH_SECONDS: Final[float] = env.float("REPORT_FRESH_SECONDS", default=900.0)
# The nightly import: the hour (UTC) from which on the day before is asked for, and how many days back missed
# ones are caught up with.
GCORE_IMPORT_HOUR: Final[int] = env.int("GCORE_IMPORT_HOUR", default=3)
GCORE_IMPORT_DAYS: Final[int] = env.int("GCORE_IMPORT_DAYS", default=35)
# Per cent by which two figures may differ, and by which a feature may rise or fall from month to month.
GCORE_TOLERANCE_PERCENT: Final[int] = env.int("GCORE_TOLERANCE_PERCENT", default=1)
GCORE_JUMP_PERCENT: Final[int] = env.int("GCORE_JUMP_PERCENT", default=100)
