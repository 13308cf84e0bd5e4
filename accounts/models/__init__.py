"""Who may do what, what they did, and whom that is told."""

from accounts.models.deliveries import Delivery, Webhook
from accounts.models.idempotency import IdempotentCall
from accounts.models.keys import ApiKey, Scope
from accounts.models.logs import ActivityCounter, ActivityEntry, AuditEntry
from accounts.models.mail import Digest, Invitation, MailKind, MailRefusal
from accounts.models.retention import RetentionPolicy
from accounts.models.second_factor import SecondFactor
from accounts.models.tenancy import SIGHTS, Massive, Membership, Tenant, TenantOwned, TenantQuerySet
from accounts.models.tokens import FederatedIdentity, RefreshToken
from accounts.models.users import User

__all__ = [
    "SIGHTS",
    "ActivityCounter",
    "ActivityEntry",
    "ApiKey",
    "AuditEntry",
    "Delivery",
    "Digest",
    "FederatedIdentity",
    "IdempotentCall",
    "Invitation",
    "MailKind",
    "MailRefusal",
    "Massive",
    "Membership",
    "RefreshToken",
    "RetentionPolicy",
    "Scope",
    "SecondFactor",
    "Tenant",
    "TenantOwned",
    "TenantQuerySet",
    "User",
    "Webhook",
]
