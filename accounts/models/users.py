"""People. They sign in with their e-mail address or a username."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from uuid_utils.compat import uuid7

from accounts.models.tenancy import validate_time_zone
from accounts.staff import StaffRole

# Without "@", so that a username can never pass for somebody's e-mail address at sign-in.
validate_username = RegexValidator(
    r"^[\w.+\-]{2,150}\Z", "Use 2 to 150 letters, digits, dots, dashes, plus signs or underscores."
)


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """`is_staff` lets somebody into the back office, to do what `staff_role` says there; `is_superuser` is a
    platform administrator, there and in every tenant. Never deleted, only deactivated.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True)
    username = models.CharField(max_length=150, null=True, blank=True, validators=[validate_username])
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    employee_id = models.CharField(max_length=64, blank=True)
    job_title = models.CharField(max_length=150, blank=True)
    timezone = models.CharField(max_length=63, default="UTC", validators=[validate_time_zone])
    email_verified = models.BooleanField(default=False)
    is_staff = models.BooleanField("platform staff", default=False)
    staff_role = models.CharField(
        max_length=16, choices=StaffRole.choices, blank=True, help_text="Of staff who are no administrators."
    )
    is_active = models.BooleanField(default=True)
    deactivated_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ["email"]
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_any_case"),
            models.UniqueConstraint(Lower("username"), name="user_username_any_case"),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def password_mark(self) -> str:
        """Changes with the password, wherever it is changed: in the admin and on the command line, too."""
        return self.get_session_auth_hash()[:16]

    def get_full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email
