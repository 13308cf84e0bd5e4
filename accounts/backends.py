"""Signing in with an e-mail address or a username."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.db.models import Q
from django.http import HttpRequest

from accounts.models import User


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
        user = User.objects.filter(Q(email=name.lower()) | Q(username=name)).order_by("email").first()
        if user is None:
            make_password(password)  # spend the same time, so that nobody learns which accounts exist
            return None
        return user if user.check_password(password) and self.user_can_authenticate(user) else None
