"""For how long a tenant's data are kept, where that is not as the settings say."""

from django.db import transaction

from accounts.models import RetentionPolicy, Tenant
from accounts.principals import Principal
from accounts.services.logs import deed


@transaction.atomic
def retention_set(*, by: Principal, tenant: Tenant, days: dict[str, int | None]) -> RetentionPolicy:
    """Keep a tenant's data for other times than the settings'; `days` by the policy's fields."""
    policy: RetentionPolicy
    policy, _ = RetentionPolicy.objects.select_for_update().get_or_create(tenant=tenant)
    before = {name: getattr(policy, name) for name in days}
    changes = {name: [before[name], value] for name, value in days.items() if value != before[name]}
    for name, value in days.items():
        setattr(policy, name, value)
    policy.full_clean(validate_unique=False)
    policy.save()
    deed(by=by, action="retention.changed", tenant=tenant, subject=policy, changes=changes)
    return policy
