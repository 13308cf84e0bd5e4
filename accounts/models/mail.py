"""Mail: what kinds there are, who wants none of them, and what is told by it alone."""

from django.db import models
from django.utils import timezone

from accounts.models.tenancy import Membership, Tenant, TenantOwned


class MailKind(models.TextChoices):
    """What a mail is about. All but those of the account itself may be turned off."""

    ACCOUNT = "account", "The account itself"
    ALERTS = "alerts", "Alerts and budgets"
    APPROVALS = "approvals", "Requests for approval"
    DIGEST = "digest", "The weekly digest"


class MailRefusal(TenantOwned):
    """An address that wants no mail of a kind from a tenant; it need not be an account's."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    address = models.EmailField(help_text="In lower case.")
    kind = models.CharField(max_length=16, choices=MailKind.choices)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["address", "kind"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "address", "kind"], name="mail_refusal_once")
        ]

    def __str__(self) -> str:
        return f"{self.address}: no {self.kind}"


class Invitation(TenantOwned):
    """A mailed link into a tenant: it works once, until it expires or is withdrawn."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    email = models.EmailField(help_text="In lower case.")
    role = models.CharField(max_length=16, choices=Membership.Role.choices)
    invited_by = models.CharField(max_length=320)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "email"],
                name="invitation_open_once",
                condition=models.Q(accepted_at=None, withdrawn_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} as {self.role} of {self.tenant}"


class Digest(TenantOwned):
    """The digest of one week of a tenant, which is sent once."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    week = models.DateField(help_text="Its Monday, in the tenant's time zone.")
    mails = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-week"]
        constraints = [models.UniqueConstraint(fields=["tenant", "week"], name="digest_once")]

    def __str__(self) -> str:
        return f"{self.tenant}, week of {self.week}"
