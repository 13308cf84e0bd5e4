from django.db import migrations

from accounts.policies import SecureRows

OWNED = (
    "ClientMapping",
    "FeatureMeter",
    "ProviderImport",
    "Reconciliation",
    "ReportAside",
    "ReportBundle",
    "ReportJob",
    "ReportRow",
)


class Migration(migrations.Migration):
    """One table at a time, so that none is locked while the next one is waited for."""

    atomic = False

    dependencies = [
        ('gcore', '0002_newest_reports'),
    ]

    operations = [
        *(SecureRows(name) for name in OWNED),
    ]
