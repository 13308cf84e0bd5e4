"""Who sits at the back office, and the classes of Django's that its pages are made of."""

import dataclasses
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import Tenant, User
from accounts.principals import Principal, user_principal

if TYPE_CHECKING:
    Page = admin.ModelAdmin[Any]
    Table = admin.TabularInline[Any, Any]
else:
    Page = admin.ModelAdmin
    Table = admin.TabularInline


def caller(request: HttpRequest, tenant: Tenant | None = None) -> Principal:
    """Whoever sits at the back office, as the services know them.

    What they may do here their permissions have said by now, and that goes for every tenant.
    """
    assert isinstance(request.user, User)  # noqa: S101  (the admin site lets nobody else in)
    principal = dataclasses.replace(user_principal(request.user), platform=True)
    return principal if tenant is None else principal.enter(str(tenant.pk))
