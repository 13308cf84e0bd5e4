"""The service types whose metrics we know. Every other type is taken as it is."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

Number = int | Decimal


class Problem(ValueError):
    """What is wrong with one field of an event."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message if not field or field in message else f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Range:
    """A metric from `low` to `high`; `above` excludes the low end."""

    low: int = 0
    high: int | None = None
    above: bool = False
    required: bool = False

    def check(self, name: str, value: Any) -> None:
        if not _is_number(value):
            raise Problem(name, "it must be a number")
        if value < self.low or (self.above and value == self.low):
            raise Problem(name, f"it must be {'above' if self.above else 'at least'} {self.low}")
        if self.high is not None and value > self.high:
            raise Problem(name, f"it must be at most {self.high}")


@dataclass(frozen=True, slots=True)
class ServiceType:
    """Texts that must be given (in metrics or metadata) and the ranges of metrics."""

    texts: tuple[str, ...]
    numbers: dict[str, Range] = field(default_factory=dict)

    def check(self, metrics: dict[str, Any], metadata: dict[str, Any]) -> None:
        for name in self.texts:
            value = metadata.get(name, metrics.get(name))
            if value is None:
                raise Problem(name, f"missing required field '{name}'")
            if not isinstance(value, str) or not value:
                raise Problem(name, "it must be a text")
        for name, rule in self.numbers.items():
            value = metrics.get(name)
            if value is not None:
                rule.check(name, value)
            elif rule.required:
                raise Problem(name, f"missing required field '{name}'")


SERVICE_TYPES: Final[dict[str, ServiceType]] = {
    "llm_service": ServiceType(
        texts=("model",),
        numbers={
            "input_tokens": Range(above=True, required=True),
            "output_tokens": Range(required=True),
            "total_tokens": Range(),
            "latency_ms": Range(),
            "temperature": Range(high=2),
            "max_tokens": Range(above=True),
        },
    ),
    "document_processor": ServiceType(
        texts=("document_type", "processing_type"),
        numbers={
            "pages_processed": Range(above=True, required=True),
            "characters_extracted": Range(),
            "processing_time_ms": Range(),
            "file_size_bytes": Range(above=True),
        },
    ),
    "api_service": ServiceType(
        texts=("endpoint", "method"),
        numbers={
            "request_count": Range(low=1),
            "response_time_ms": Range(),
            "payload_size_bytes": Range(),
            "response_size_bytes": Range(),
            "status_code": Range(low=100, high=599),
        },
    ),
}
# What a flat event of a known type may leave out.
DEFAULT_EVENT_TYPE: Final = {
    "llm_service": "completion",
    "document_processor": "processing",
    "api_service": "request",
}


def fold_flat_fields(item: dict[str, Any], known: AbstractSet[str]) -> dict[str, Any]:
    """The same event with unknown top-level fields moved: numbers to `metrics`, the rest to `metadata`."""
    folded = {name: value for name, value in item.items() if name in known}
    default = DEFAULT_EVENT_TYPE.get(str(item.get("service_type")))
    if default is not None:
        folded.setdefault("event_type", default)
    flat = {name: value for name, value in item.items() if name not in known}
    numbers = {name for name, value in flat.items() if _is_number(value)}
    _move(folded, "metrics", {name: flat[name] for name in flat if name in numbers})
    _move(folded, "metadata", {name: flat[name] for name in flat if name not in numbers})
    return folded


def _move(folded: dict[str, Any], home: str, fields: dict[str, Any]) -> None:
    place = folded.get(home) or {}
    if not fields or not isinstance(place, dict):
        return  # a home that is no object is refused with a message of its own
    for name in fields:
        if name in place:
            raise Problem(name, f"it is given twice, beside and inside {home}")
    folded[home] = {**place, **fields}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)
