"""People: registered, created by an admin, changed, deactivated. Nobody is ever deleted."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.errors import Conflict, PermissionRefused, ValidationFailed
from accounts.models import Membership, Tenant, User
from accounts.principals import Principal, is_platform
from accounts.row_security import as_platform
from accounts.services.logs import audit, record
from accounts.services.mail_choices import mail_choices_move
from accounts.services.revocation import api_keys_revoke, live_tokens
from accounts.services.sessions import sessions_end
from accounts.services.tenants import OWNER, member_add, require_other_owner

# What a person signs in with: whoever sets these could sign in as them.
CREDENTIALS = frozenset({"email", "username", "password"})
# Those that a stolen session must not be enough to change.
GUARDED = frozenset({"email", "password"})
POWERS = ("is_superuser", "staff_role")  # of platform staff


@transaction.atomic
def user_create(
    *,
    by: Principal,
    email: str,
    password: str | None,
    tenant: Tenant | None = None,
    role: str = Membership.Role.MEMBER,
    is_superuser: bool = False,
    staff_role: str = "",
    **fields: Any,
) -> User:
    """A new person, member of `tenant` if one is given; 409 when e-mail or username is taken, in any case.

    Without a password they sign in by a federated identity or set one by password reset.
    """
    if (is_superuser or staff_role) and not by.platform:
        raise PermissionRefused("Only platform administrators make platform staff.")
    _require_free(email=email, username=fields.get("username"))
    if password is not None:
        check_password_rules(password, User(email=email, **fields))
    user = User.objects.create_user(
        email,
        password,
        is_staff=is_superuser or bool(staff_role),
        is_superuser=is_superuser,
        staff_role=staff_role,
        **fields,
    )
    audit(by=by, action="user.created", tenant=tenant, subject=user, changes={"email": [None, user.email]})
    if tenant is not None:
        member_add(by=by, tenant=tenant, user=user, role=role)
    return user


@as_platform()  # a person may belong to several tenants
@transaction.atomic
def user_update(*, by: Principal, user: User, changes: dict[str, Any]) -> User:
    """Change a person. `changes` may hold the fields of a profile, `email`, `password`, `is_active`,
    `is_superuser`, `staff_role`, and `current_password`, which people give to change their own credentials.

    What people sign in with, and whether they may, only they themselves and the platform change.
    Errors: 403 not theirs to change, 409 taken or the last of its kind, 400 field rules.
    """
    changes = dict(changes)
    current = changes.pop("current_password", None)
    active = changes.pop("is_active", None)
    power = {name: changes.pop(name) for name in POWERS if name in changes}
    require_manager(by=by, user=user)
    if active is not None and active != user.is_active:
        (user_activate if active else user_deactivate)(by=by, user=user)
    if any(getattr(user, name) != value for name, value in power.items()):
        _set_power(by, user, power)
    person = _locked(user)
    changes = {k: v for k, v in changes.items() if k == "password" or getattr(person, k) != v}
    if changes.keys() & CREDENTIALS:
        require_self(by=by, user=person)
    if _is_self(by, person) and changes.keys() & GUARDED:
        _require_password(person, current)
    if changes:
        _apply(by, person, changes)
    return person


@as_platform()
@transaction.atomic
def user_deactivate(*, by: Principal, user: User) -> User:
    """End a person's access everywhere, now: sign-ins, refresh tokens, their own keys. They stay readable.

    Errors: 403 neither the person nor the platform, 409 the last active owner or platform administrator.
    """
    require_self(by=by, user=user)
    owned = Membership.objects.filter(user=user, role=OWNER).values("tenant")
    # Locks go in one order, tenants, administrators, person, so that no two calls wait for each other.
    for tenant in Tenant.objects.filter(pk__in=owned).order_by("pk").select_for_update(no_key=True):
        require_other_owner(tenant=tenant, user=user)
    if user.is_superuser:
        _require_other_administrator(user)
    person = _locked(user)
    if not person.is_active:
        return person
    person.is_active, person.deactivated_at = False, timezone.now()
    person.save(update_fields=["is_active", "deactivated_at", "updated_at"])
    sessions_end(user=person)
    api_keys_revoke(by=by, keys=live_tokens(person))
    _log(by, "user.deactivated", person, {"is_active": [True, False]})
    return person


@as_platform()
@transaction.atomic
def user_activate(*, by: Principal, user: User) -> User:
    """Let a deactivated person in again. Keys and sessions that ended stay ended."""
    require_self(by=by, user=user)
    person = _locked(user)
    person.is_active, person.deactivated_at = True, None
    person.save(update_fields=["is_active", "deactivated_at", "updated_at"])
    _log(by, "user.activated", person, {"is_active": [False, True]})
    return person


def require_manager(*, by: Principal, user: User) -> None:
    """403 unless the person's profile is the caller's to write.

    Everybody writes their own, and the platform everybody's. A tenant's admins write those of the people
    who belong to their tenant alone; those of owners by owners.
    """
    if by.platform or _is_self(by, user):
        return
    memberships = list(Membership.objects.filter(user=user))
    if user.is_staff or is_platform(user) or any(m.tenant_id != by.home.pk for m in memberships):
        raise PermissionRefused("This person also belongs elsewhere; you may remove them from your tenant.")
    if not memberships or (memberships[0].role == OWNER and by.role != OWNER):
        raise PermissionRefused("Only an owner of the tenant, or the platform, may do this to an owner.")


def require_self(*, by: Principal, user: User) -> None:
    """403 unless the caller is the person or the platform.

    Membership takes nobody's consent, so no tenant may take over or lock out an account by it.
    """
    if not (by.platform or _is_self(by, user)):
        raise PermissionRefused(
            "Only the person or the platform may do this; you may remove them from your tenant."
        )


def check_password_rules(password: str, user: User) -> None:
    """400 with what is wrong with a new password."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationFailed.field("password", " ".join(error.messages)) from error


def password_set(*, by: Principal, user: User, password: str) -> None:
    """Set the password of a person whose row the caller has locked, and end their sessions."""
    check_password_rules(password, user)
    user.set_password(password)
    user.save(update_fields=["password", "updated_at"])
    sessions_end(user=user)
    audit(by=by, action="user.password_changed", subject=user)


def _locked(user: User) -> User:
    """The person as they are now, their row locked until commit."""
    return User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _is_self(by: Principal, user: User) -> bool:
    """A key of a person acts in their tenant; it is not the person."""
    return by.kind == "user" and by.user == user


def _require_password(user: User, current: str | None) -> None:
    if not user.check_password(current or ""):
        raise ValidationFailed.field("current_password", "give your present password to change this.")


def _apply(by: Principal, user: User, changes: dict[str, Any]) -> None:
    password = changes.pop("password", None)
    if "email" in changes:
        changes |= {"email": changes["email"].lower(), "email_verified": False}
    _require_free(email=changes.get("email"), username=changes.get("username"), besides=user)
    before = {name: [getattr(user, name), value] for name, value in changes.items()}
    for name, value in changes.items():
        setattr(user, name, value)
    user.full_clean(exclude=["password"])
    user.save()
    if "email" in before:
        mail_choices_move(before=before["email"][0], after=user.email)
    if before:
        _log(by, "user.updated", user, before)
    if password is not None:
        password_set(by=by, user=user, password=password)


def _set_power(by: Principal, user: User, power: dict[str, Any]) -> None:
    if not by.platform:
        raise PermissionRefused("Only platform administrators make or unmake platform staff.")
    before = {name: getattr(user, name) for name in POWERS}
    after = before | power
    if before["is_superuser"] and not after["is_superuser"]:
        _require_other_administrator(user)
    is_staff = after["is_superuser"] or bool(after["staff_role"])
    User.objects.filter(pk=user.pk).update(is_staff=is_staff, **after)
    changed = {name: [before[name], value] for name, value in after.items() if value != before[name]}
    _log(by, "user.platform_changed", user, changed)


def _require_other_administrator(user: User) -> None:
    """409 unless an active platform administrator besides this person remains; locks them all."""
    staff = User.objects.select_for_update(no_key=True).filter(is_superuser=True, is_active=True)
    if not [other for other in staff.order_by("pk") if other != user]:
        raise Conflict("This is the last active platform administrator.")


def _require_free(*, email: str | None, username: str | None, besides: User | None = None) -> None:
    others = User.objects.annotate(lower_username=Lower("username"))
    if besides is not None:
        others = others.exclude(pk=besides.pk)
    if email and others.filter(email=email.lower()).exists():
        raise Conflict("There is already an account with this e-mail address.")
    if username and others.filter(lower_username=username.lower()).exists():
        raise Conflict("There is already an account with this username.")


def _log(by: Principal, action: str, user: User, changes: dict[str, Any]) -> None:
    """One audit entry, and an activity entry in each of the person's tenants."""
    audit(by=by, action=action, tenant=by.tenant, subject=user, changes=changes)
    for tenant in Tenant.objects.filter(memberships__user=user).order_by("pk"):
        record(tenant=tenant, type=action, by=by, payload={"id": str(user.pk)})
