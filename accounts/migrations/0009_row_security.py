from django.db import migrations

from accounts.policies import Also, SecureRows

OWNED = (
    "ActivityCounter",
    "ActivityEntry",
    "ApiKey",
    "Digest",
    "IdempotentCall",
    "Invitation",
    "MailRefusal",
    "Membership",
    "RetentionPolicy",
    "Webhook",
)


class Migration(migrations.Migration):
    """One table at a time, so that none is locked while the next one is waited for."""

    atomic = False

    dependencies = [
        ('accounts', '0008_staff_roles'),
    ]

    operations = [
        SecureRows("Tenant", column="id"),
        SecureRows("Delivery", also=Also.WRITE),
        SecureRows("AuditEntry", also=Also.WRITE),
        *(SecureRows(name) for name in OWNED),
    ]
