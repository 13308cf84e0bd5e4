"""Signing in with an e-mail address or a username."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.db.models import Q
from django.db.models.functions import Lower
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
        people = User.objects.annotate(lower_username=Lower("username"))
        user = people.filter(Q(email=name.lower()) | Q(lower_username=name.lower())).first()
        if user is None:
            make_password(password)  # spend the same time, so that nobody learns which accounts exist
            return None
        return user if user.check_password(password) and self.user_can_authenticate(user) else None
