"""What acts at a provider. A room that knows one registers its adapter under the provider's name.

An adapter asks and acts at once, without waiting for what it set off, and repeats no call by itself.
"""

import enum
from typing import Final, NamedTuple, Protocol

from inventory.models import Resource


class Power(enum.StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    OTHER = "other"


class Sighting(NamedTuple):
    """A machine as the provider sees it. `busy`: a job of the provider's is at it; `said`: in its words."""

    power: Power
    busy: bool
    said: str


class ProviderError(Exception):
    """The provider refuses, or cannot be asked for this resource. `message` is for people."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ProviderAway(ProviderError):
    """It may answer later. Whether what was asked for happened is not known."""


class ProviderAdapter(Protocol):
    """Every method may raise ProviderError, and ProviderAway where asking later may help."""

    def look(self, resource: Resource) -> Sighting: ...

    def stop(self, resource: Resource) -> str:
        """Ask for it once; what the provider calls the job."""

    def start(self, resource: Resource) -> str: ...

    def complaint(self, resource: Resource, receipt: str) -> str:
        """What the provider says went wrong with a job; empty when it says nothing."""


_registered: Final[dict[str, ProviderAdapter]] = {}


def adapter_register(provider: str, adapter: ProviderAdapter) -> None:
    _registered[provider] = adapter


def adapter_for(provider: str) -> ProviderAdapter:
    """Errors: ProviderError when nobody can act there."""
    try:
        return _registered[provider]
    except KeyError as error:
        raise ProviderError(f"Nothing here can start or stop machines at {provider}.") from error
