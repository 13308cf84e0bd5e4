"""What sort of thing a resource is, told by what its provider calls its type and its state."""

import re
from enum import Enum
from functools import lru_cache
from typing import Final


class Kind(Enum):
    MACHINE = "machine"
    VOLUME = "volume"
    ADDRESS = "address"
    SNAPSHOT = "snapshot"
    IMAGE = "image"
    DATABASE = "database"
    BALANCER = "load balancer"
    COMMITMENT = "commitment"
    OTHER = "other"


# The first that matches: a snapshot of a volume is a snapshot, an instance of RDS a database.
_PATTERNS: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (Kind.COMMITMENT, r"\breserv(ed|ation)|savings ?plan|\bcommitments?\b"),
        (Kind.SNAPSHOT, r"snapshot"),
        (Kind.DATABASE, r"database|sql|postgres|mongo|\brds\b|\bdb\b|aurora"),
        (Kind.BALANCER, r"load ?balanc|\b[aen]lb\b|forwarding ?rule"),
        (Kind.ADDRESS, r"\bips?\b|\beips?\b|\baddress(es)?\b"),
        (Kind.VOLUME, r"volume|disk"),
        (Kind.IMAGE, r"\bamis?\b|\bimages?\b"),
        (Kind.MACHINE, r"\binstances?\b|virtual ?machine|\bvms?\b|\bservers?\b|droplet"),
    )
)
RUNNING: Final = frozenset(
    {"running", "active", "started", "on", "poweredon", "powered_on", "vm running", "up"}
)
STOPPED: Final = frozenset(
    {"stopped", "deallocated", "vm deallocated", "shutoff", "off", "poweredoff", "powered_off", "suspended"}
)
GONE: Final = frozenset({"terminated", "deleted", "deleting", "shutting-down", "destroyed", "expired"})
ATTACHED: Final = frozenset({"in-use", "in_use", "attached", "associated", "assigned", "bound"})
FREE: Final = frozenset({"available", "unattached", "detached", "unassociated", "unassigned"})


@lru_cache(4096)
def kind_of(resource_type: str) -> Kind:
    """`ec2.instance`, `AWS::EC2::Instance` and `Microsoft.Compute/virtualMachines` are machines."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", resource_type)
    plain = re.sub(r"[\W_]+", " ", words).lower()
    return next((kind for kind, pattern in _PATTERNS if pattern.search(plain)), Kind.OTHER)


def is_running(state: str) -> bool:
    return state.lower() in RUNNING


def is_stopped(provider: str, state: str) -> bool:
    """Google calls a machine that is stopped terminated."""
    return state.lower() in STOPPED or (provider == "gcp" and state.lower() == "terminated")


def is_gone(provider: str, state: str) -> bool:
    return state.lower() in GONE and not is_stopped(provider, state)


def is_attached(state: str, attached_to: object) -> bool | None:
    """Whether a volume or address is in use, by its state or what it is attached to; None: nobody says."""
    if state.lower() in ATTACHED | FREE:
        return state.lower() in ATTACHED
    return None if attached_to is None else bool(attached_to)
