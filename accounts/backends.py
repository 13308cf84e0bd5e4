"""Signing in with an e-mail address or a username, and what staff may do then."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.db.models import Q
from django.db.models.functions import Lower
from django.http import HttpRequest

from accounts.models import User
from accounts.staff import role_grants


class EmailOrUsernameBackend(ModelBackend):
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        name = (username or kwargs.get("email") or "").strip()
        if not name or password is None or "\x00" in name + password:
            return None
        people = User.objects.annotate(lower_username=Lower("username"))
        user = people.filter(Q(email=name.lower()) | Q(lower_username=name.lower())).first()
        if user is None:
            make_password(password)  # spend the same time, so that nobody learns which accounts exist
            return None
        return user if user.check_password(password) and self.user_can_authenticate(user) else None

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """By role, or else by what somebody was given one by one."""
        return self._by_role(user_obj, perm) or super().has_perm(user_obj, perm, obj)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return self._by_role(user_obj, f"{app_label}.view_any") or super().has_module_perms(
            user_obj, app_label
        )

    def _by_role(self, user: Any, perm: str) -> bool:
        return user.is_active and user.is_staff and role_grants(user.staff_role, perm)
