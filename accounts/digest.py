"""The weekly digest: what a room says of a tenant's week, and how that is drawn."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from django.utils import timezone

from accounts.models import Tenant

DAYS: Final = 7
MOST: Final = 5  # bars or lines of a part, besides the days


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days in the current time zone, the first a Monday."""

    first: date

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range(DAYS)]

    @property
    def end(self) -> date:
        """The Monday after."""
        return self.first + timedelta(days=DAYS)

    @property
    def edges(self) -> list[datetime]:
        """The midnights around its days."""
        return [midnight(day) for day in (*self.days, self.end)]

    def before(self) -> "Week":
        return Week(self.first - timedelta(days=DAYS))


@dataclass(frozen=True, slots=True)
class Bar:
    """`share` of the longest bar, in percent: whatever is more than nothing has one."""

    label: str
    value: str
    share: int


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the digest: what it says in a sentence, and bars and lines below."""

    title: str
    summary: str
    bars: list[Bar] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


# Each room's: what it has to say of a week, in the order of the mail; nothing where nothing happened.
SECTIONS: Final[list[Callable[[Tenant, Week], list[Section]]]] = []


def digest_enter(*makers: Callable[[Tenant, Week], list[Section]]) -> None:
    """Rooms enter theirs at the start."""
    SECTIONS.extend(maker for maker in makers if maker not in SECTIONS)


def bars(rows: Iterable[tuple[str, int | Decimal]], show: Callable[[int | Decimal], str]) -> list[Bar]:
    """A bar for each (label, value), in proportion; a value below nothing has none."""
    told = list(rows)
    longest = max((value for _, value in told), default=0)
    return [Bar(label, show(value), _share(value, longest)) for label, value in told]


def change(now: int | Decimal, before: int | Decimal) -> str:
    """`12 % more than the week before`."""
    if before <= 0:
        return "nothing to compare with in the week before" if now else "as in the week before"
    percent = round(100 * (now - before) / before)
    if percent == 0:
        return "as in the week before"
    return f"{abs(percent):,} % {'more' if percent > 0 else 'less'} than in the week before"


def midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, datetime.min.time()))


def _share(value: int | Decimal, longest: int | Decimal) -> int:
    return max(1, round(100 * value / longest)) if value > 0 else 0
