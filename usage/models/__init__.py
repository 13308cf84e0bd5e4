"""Usage events, what became of them, and what is made of them."""

from usage.models.events import UsageEvent
from usage.models.fields import ByteOrderedCharField, ExactJSONDecoder, ExactJSONEncoder, ExactJSONField
from usage.models.letters import DeadLetter

__all__ = [
    "ByteOrderedCharField",
    "DeadLetter",
    "ExactJSONDecoder",
    "ExactJSONEncoder",
    "ExactJSONField",
    "UsageEvent",
]
