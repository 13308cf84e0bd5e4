"""Usage events, what became of them, and what is made of them."""

from usage.models.events import Correction, UsageEvent
from usage.models.fields import ByteOrderedCharField, ExactJSONDecoder, ExactJSONEncoder, ExactJSONField
from usage.models.letters import DeadLetter, DuplicateReceipt
from usage.models.rollups import DirtyHour, Rollup

__all__ = [
    "ByteOrderedCharField",
    "Correction",
    "DeadLetter",
    "DirtyHour",
    "DuplicateReceipt",
    "ExactJSONDecoder",
    "ExactJSONEncoder",
    "ExactJSONField",
    "Rollup",
    "UsageEvent",
]
