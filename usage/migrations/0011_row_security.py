from django.db import migrations

from accounts.policies import SecureRows

OWNED = (
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
)


class Migration(migrations.Migration):
    """One table at a time, so that none is locked while the next one is waited for."""

    atomic = False

    dependencies = [
        ('usage', '0010_masses_without_lookups'),
    ]

    operations = [
        *(SecureRows(name) for name in OWNED),
    ]
