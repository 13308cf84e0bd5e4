"""What the back office's first page shows of all tenants, with the list behind each figure."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple, cast
from urllib.parse import urlencode
from uuid import UUID

from django.core.cache import cache
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone

from accounts.models import Delivery, User
from accounts.pages.charts import Bar, Chart, stacked_bars
from accounts.queries import deliveries_due
from builds.models import Build
from builds.overview import open_by_phase
from builds.rules import Status
from gcore.models import ProviderImport, ReportJob
from inventory.models import CostDay, Import
from inventory.overview import spent_since
from usage import queue
from usage.models import DeadLetter, DirtyHour, UsageEvent
from usage.overview import hourly_events
from usage.queries.backlog import dirty_hours_count, oldest_mark_seconds

KEPT: Final = 60  # seconds; spend changes with imports alone and may take a while to add up
SPEND_KEPT: Final = 600
LATELY: Final = timedelta(days=7)
MOST: Final = 1_000  # what is counted of anything that failed
ARRIVED: Final = 100_000  # and of the events of a minute
MINUTE: Final = timedelta(minutes=1)


class Link(NamedTuple):
    """A number with what it counts, and the list of just that."""

    label: str
    model: type[Model]
    number: int
    query: str = ""
    note: str = ""

    @property
    def url(self) -> str:
        meta = self.model._meta
        return f"{reverse(f'admin:{meta.app_label}_{meta.model_name}_changelist')}{self.query}"

    @property
    def at_least(self) -> bool:
        """Nobody counted further."""
        return self.number == MOST


class Figures(NamedTuple):
    """`at` is when they were read. `queue` is depth and age in seconds, None when Redis does not say."""

    at: datetime
    hours: list[tuple[datetime, int]]
    queue: tuple[int, float] | None
    waiting: list[Link]
    failed: list[Link]
    phases: list[Link]


class Spent(NamedTuple):
    month: datetime
    amounts: dict[str, Decimal]
    url: str


def figures_for(user: User) -> dict[str, Any]:
    """What the page shows to somebody: figures of the lists that they may see, at most a minute old."""
    read = cast(Figures, cache.get_or_set("office.figures", _figures, KEPT))
    return {
        "read_at": read.at,
        "events": _events_chart(read) if _sees(user, UsageEvent) else None,
        "quiet": not any(count for _, count in read.hours),
        "queue": read.queue,
        "waiting": _seen(user, read.waiting),
        "failed": _seen(user, read.failed),
        "failed_days": LATELY.days,
        "builds": stacked_bars([Bar(link.label, [link.number]) for link in read.phases]),
        "phases": _seen(user, read.phases),
        "spent": cache.get_or_set("office.spent", _spent, SPEND_KEPT) if _sees(user, CostDay) else None,
    }


def _sees(user: User, model: type[Model]) -> bool:
    return user.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}")


def _seen(user: User, links: list[Link]) -> list[Link]:
    return [link for link in links if _sees(user, link.model)]


def _events_chart(read: Figures) -> Chart:
    return stacked_bars([Bar(f"{hour.astimezone(UTC):%H:00}", [count]) for hour, count in read.hours])


def _figures() -> Figures:
    now = timezone.now()
    state = queue.state()
    return Figures(
        at=now,
        hours=hourly_events(now),
        queue=(state.depth, state.oldest_seconds) if state else None,
        waiting=_waiting(now),
        failed=_failed(now),
        phases=[
            Link(phase, Build, count, f"?phase={phase}&attention=open")
            for phase, count in open_by_phase().items()
        ],
    )


def _waiting(now: datetime) -> list[Link]:
    arrived = UsageEvent.objects.filter(pk__gte=first_id(now - MINUTE))[:ARRIVED].count()
    return [
        Link("Events stored in the last minute", UsageEvent, arrived),
        Link(
            "Hours to be summed up", DirtyHour, dirty_hours_count(), "",
            f"the oldest mark has waited {oldest_mark_seconds():.0f} s",
        ),
        Link("Messages due", Delivery, deliveries_due(), "?state__exact=pending"),
    ]  # fmt: skip


def _failed(now: datetime) -> list[Link]:
    """Of the last days, but for letters: those wait until somebody opens them."""
    since = (now - LATELY).replace(hour=0, minute=0, second=0, microsecond=0)
    ended = ",".join([ReportJob.State.FAILED, ReportJob.State.TIMED_OUT])
    of_late = {"created_at__gte": since}
    return [
        _counted("Gcore reports", ReportJob, since, state__in=ended, **of_late),
        _counted("Gcore imports", ProviderImport, None, state__exact="failed", day__gte=since.date()),
        _counted("Imports", Import, since, state__exact=Import.State.FAILED.value, **of_late),
        _counted("Builds", Build, None, status__exact=Status.FAILED.value, ended_at__gte=since),
        _counted("Messages and mails", Delivery, since, state__exact=Delivery.State.FAILED.value, **of_late),
        _counted("Dead letters", DeadLetter, None, status__exact=DeadLetter.Status.DEAD.value),
    ]


def _counted(label: str, model: type[Model], made_since: datetime | None, **lookups: Any) -> Link:
    """`made_since` says by the primary key what the lookups say too: so its index is used."""
    asked = {name: value.split(",") if name.endswith("__in") else value for name, value in lookups.items()}
    if made_since is not None:
        asked["pk__gte"] = first_id(made_since)
    count = model._default_manager.filter(**asked).order_by()[:MOST].count()
    return Link(label, model, count, f"?{urlencode(lookups)}")


def _spent() -> Spent:
    month = timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    link = Link("", CostDay, 0, f"?{urlencode({'day__gte': month.date(), 'is_live__exact': 1})}")
    return Spent(month, spent_since(month.date()), link.url)


def first_id(moment: datetime) -> UUID:
    """The lowest id that anything made from then on can have."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
