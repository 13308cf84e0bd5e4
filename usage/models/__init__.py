"""Usage events, what became of them, and what is made of them."""

from usage.models.alerts import Alert, Quota
from usage.models.events import Correction, UsageEvent
from usage.models.letters import DeadLetter, DuplicateReceipt
from usage.models.meters import Meter
from usage.models.prices import PriceRule
from usage.models.rollups import DirtyHour, Rollup
from usage.models.statements import Adjustment, AdjustmentLine, Statement, StatementLine

__all__ = [
    "Adjustment",
    "AdjustmentLine",
    "Alert",
    "Correction",
    "DeadLetter",
    "DirtyHour",
    "DuplicateReceipt",
    "Meter",
    "PriceRule",
    "Quota",
    "Rollup",
    "Statement",
    "StatementLine",
    "UsageEvent",
]
