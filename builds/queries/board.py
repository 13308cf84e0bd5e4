"""The board: what is being built and what ended lately, by phase."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from builds.models import Build, StateCode
from builds.queries.builds import builds_read, is_overdue, is_stuck, state_of
from builds.rules import OPEN

LATELY: Final = timedelta(days=7)
MOST: Final = 500


@dataclass(frozen=True, slots=True)
class Card:
    """A build; `waited` is how long ago it entered its state."""

    build: Build
    state: StateCode
    waited: timedelta
    overdue: bool
    stuck: bool


@dataclass(frozen=True, slots=True)
class Board:
    """Cards by phase, in the phases' order, the newest first; `complete`: these are all."""

    columns: dict[str, list[Card]]
    complete: bool


def board_of(rows: QuerySet[Build], now: datetime | None = None, most: int = MOST) -> Board:
    """The open builds among the rows and those that ended in the last seven days, at most `most`."""
    now = now or timezone.now()
    shown = rows.filter(Q(status__in=OPEN) | Q(ended_at__gte=now - LATELY)).order_by("-entered_at", "-pk")
    found = list(builds_read(shown).select_related("tenant")[: most + 1])
    columns: dict[str, list[Card]] = {phase: [] for phase in StateCode.Phase.values}
    for build in found[:most]:
        state = state_of(build)
        card = Card(build, state, now - build.entered_at, is_overdue(build, now), is_stuck(build, now))
        columns[state.phase].append(card)
    return Board(columns, complete=len(found) <= most)
