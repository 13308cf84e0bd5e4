"""A ledger as one would write it on paper: dictionaries and Decimals. The real one must agree."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any, Final

EXACT: Final = Context(prec=400)
CONTENT: Final = (
    "user_id",
    "service_type",
    "service_provider",
    "event_type",
    "metrics",
    "billing_info",
    "tags",
    "metadata",
    "session_id",
    "request_id",
)
EMPTY: Final[dict[str, Any]] = {"metrics": {}, "billing_info": {}, "metadata": {}, "tags": []}
Sent = dict[str, Any]
Sums = dict[Any, Decimal]


def moment_of(sent: Sent) -> datetime | None:
    given = sent.get("timestamp")
    return None if given is None else datetime.fromisoformat(given).astimezone(UTC)


def same(one: Sent, other: Sent) -> bool:
    """Do two bodies say the same? One without a timestamp says nothing about it."""
    if any(value_of(one, name) != value_of(other, name) for name in CONTENT):
        return False
    return moment_of(one) is None or moment_of(one) == moment_of(other)


def value_of(sent: Sent, name: str) -> Any:
    return _apart(sent.get(name, EMPTY.get(name, "")))


def _apart(value: Any) -> Any:
    """True is not 1, as it is to Python."""
    if isinstance(value, dict):
        return {key: _apart(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_apart(item) for item in value]
    return (isinstance(value, bool), value)


def is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def cost_of(sent: Sent) -> tuple[str, Decimal] | None:
    billing = sent.get("billing_info", {})
    cost = billing.get("total_cost")
    if isinstance(cost, str):
        cost = Decimal(cost)
    return (billing.get("currency", "USD"), Decimal(cost)) if is_number(cost) else None


def model_of(sent: Sent) -> str:
    metadata = sent.get("metadata", {})
    return str(metadata.get("model", metadata.get("tier", "")))


@dataclass
class Ledger:
    """What was accepted, by event id: the revisions, first as sent; `ended` are those voided."""

    revisions: dict[str, list[Sent]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    duplicates: set[str] = field(default_factory=set)
    conflicts: dict[str, list[Sent]] = field(default_factory=lambda: defaultdict(list))

    def take(self, sent: Sent) -> str:
        """What becomes of one event that arrives after all before it."""
        event_id = sent["event_id"]
        known = self.revisions.get(event_id)
        if known is None:
            self.revisions[event_id] = [sent]
            return "stored"
        if any(same(sent, revision) for revision in known):
            self.duplicates.add(event_id)
            return "duplicate"
        self.conflicts[event_id].append(sent)
        return "conflict"

    def void(self, event_id: str) -> None:
        self.ended.add(event_id)

    def amend(self, event_id: str, changes: Sent) -> bool:
        """False when they change nothing."""
        known = self.revisions[event_id]
        amended = {**known[-1], **changes}
        if same(amended, known[-1]) and moment_of(amended) == moment_of(known[-1]):
            return False
        known.append(amended)
        return True

    @property
    def counted(self) -> dict[str, Sent]:
        """The events that count, each in its last revision."""
        return {key: known[-1] for key, known in self.revisions.items() if key not in self.ended}

    def counts(self) -> Counter[str]:
        return Counter(sent["service_type"] for sent in self.counted.values())

    def costs(self) -> Sums:
        """By service and currency."""
        return total(
            ((sent["service_type"], cost[0]), cost[1])
            for sent in self.counted.values()
            if (cost := cost_of(sent)) is not None
        )

    def metrics(self) -> Sums:
        """By service and metric."""
        return total(
            ((sent["service_type"], name), Decimal(value))
            for sent in self.counted.values()
            for name, value in sent.get("metrics", {}).items()
            if is_number(value)
        )


def total(parts: Any) -> Sums:
    sums: Sums = {}
    for key, number in parts:
        sums[key] = EXACT.add(sums.get(key, Decimal(0)), number)
    return sums
