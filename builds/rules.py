"""What a report may do to a build. Nothing here knows of a database or a clock."""

from enum import StrEnum
from typing import Final

STEP: Final = 5
QUEUED: Final = 0
DELIVERED: Final = 100
CODES: Final = range(QUEUED, DELIVERED + 1, STEP)


class Status(StrEnum):
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Fault(StrEnum):
    """Whose it was: of what is being built, or of what it is built on."""

    USER = "user"
    INFRASTRUCTURE = "infrastructure"
    UNKNOWN = "unknown"


OPEN: Final = (Status.PENDING, Status.IN_PROGRESS)
HEARTBEAT_LOST: Final = "HEARTBEAT_LOST"
