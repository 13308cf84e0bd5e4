"""How long builds may be silent."""

from datetime import timedelta
from typing import Final

HEARTBEAT_EVERY: Final = timedelta(seconds=120)
HEARTBEAT_STALE: Final = timedelta(seconds=360)
HEARTBEAT_LIMIT: Final = timedelta(seconds=900)
CANCEL_GRACE: Final = timedelta(minutes=10)
CLOCK_SKEW: Final = timedelta(minutes=5)  # of what is told to have happened
