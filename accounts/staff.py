"""What platform staff may do in the back office, by role. Administrators may do everything and have none."""

from typing import Final

from django.db import models


class StaffRole(models.TextChoices):
    SUPPORT = "support", "support: reads everything, changes nothing"
    OPERATOR = "operator", "operator: acts from day to day"


# Who gets in, what they may do, whose secrets are used and what is kept: operators read these.
RESERVED: Final = frozenset(
    {
        "accounts.user", "accounts.membership", "accounts.apikey", "accounts.retentionpolicy",
        "inventory.folderpermission", "gcore.gcoreaccount",
    }
)  # fmt: skip
UNENDED: Final = frozenset({"accounts.delete_tenant"})


def role_grants(role: str, permission: str) -> bool:
    """Whether a role holds one of Django's permissions, such as `builds.change_build`."""
    app, _, codename = permission.partition(".")
    verb, _, model = codename.partition("_")
    if verb == "view":
        return bool(role)
    if role != StaffRole.OPERATOR or permission in UNENDED:
        return False
    return verb == "mail" or f"{app}.{model}" not in RESERVED
