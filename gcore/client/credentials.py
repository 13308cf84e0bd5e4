"""Who we are at Gcore, and which of its paths we use."""

import enum
import hashlib
from dataclasses import dataclass, field
from typing import Final

PUBLIC_BASE: Final = "https://api.gcore.com"


class Generation(enum.StrEnum):
    """Gcore's billing paths: those published until September 2025, and those since."""

    LEGACY = "legacy"
    CURRENT = "current"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account at Gcore: a permanent token, or a name and password.

    An empty `template` means the newest ResellerStatistics that Gcore lists. `end_is_exclusive`: this
    Gcore takes a report's `date_to` as the first day that is no longer in it.
    """

    name: str
    base: str = PUBLIC_BASE
    api_token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    generation: Generation = Generation.CURRENT
    template: str = ""
    end_is_exclusive: bool = False

    @property
    def key(self) -> str:
        """Names what is kept for these credentials; another password is another key."""
        parts = (self.base, self.api_token, self.username, self.password)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(secret for secret in (self.api_token, self.password) if secret)
