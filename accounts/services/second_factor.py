"""The second factor: shown, confirmed, asked for at each sign-in by password, and taken away."""

import secrets
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.errors import PermissionRefused, SignInRefused, ValidationFailed
from accounts.keyring import hash_key
from accounts.models import SecondFactor, User
from accounts.principals import Principal, user_principal
from accounts.services.logs import audit
from accounts.signing import seal, unseal
from accounts.totp import new_totp_secret, totp_step

RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 15  # 120 bits, beyond guessing, so that a plain hash keeps them
FREE_FAILURES: Final = 3
LONGEST_WAIT: Final = timedelta(minutes=15)


def second_factor_of(user: User) -> SecondFactor | None:
    """The one that counts."""
    return SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).first()


def second_factor_wanted(user: User) -> bool:
    """Of whoever has one, and of platform staff where STAFF_SECOND_FACTOR says so."""
    return (settings.STAFF_SECOND_FACTOR and user.is_staff) or second_factor_of(user) is not None


def second_factor_begin(*, user: User) -> str:
    """The secret for the app, the same until it is confirmed. Errors: ValidationFailed once it is."""
    factor, _ = SecondFactor.objects.get_or_create(user=user, defaults={"secret": seal(new_totp_secret())})
    if factor.confirmed_at is not None:
        raise ValidationFailed("There is a second factor already.")
    return unseal(factor.secret)


@transaction.atomic
def second_factor_confirm(*, user: User, code: str) -> list[str]:
    """Let it count from now on; the recovery codes, shown once. Errors: ValidationFailed for a wrong code."""
    factor = SecondFactor.objects.select_for_update().filter(user=user, confirmed_at=None).first()
    step = totp_step(unseal(factor.secret), code, after=factor.last_step) if factor else None
    if factor is None or step is None:
        raise ValidationFailed.field("code", "That is not the code of this moment. Check the phone's clock.")
    codes = [secrets.token_hex(RECOVERY_BYTES) for _ in range(RECOVERY_CODES)]
    factor.confirmed_at, factor.last_step = timezone.now(), step
    factor.recovery_hashes = [hash_key(code) for code in codes]
    factor.save()
    audit(by=user_principal(user), action="second_factor.confirmed", subject=user)
    return codes


def second_factor_check(*, user: User, code: str) -> None:
    """Take a code of the app or a recovery code, each once. Errors: SignInRefused, PermissionRefused."""
    if second_factor_of(user) is None:
        raise PermissionRefused("Platform staff need a second factor: sign in to the console to set it up.")
    if not code:
        raise SignInRefused("Send the one-time code of your authenticator app, too, as `code`.")
    if not _taken(user, code.strip()):
        raise SignInRefused(
            "The one-time code is not right, was used before, or came too soon after wrong ones."
        )


@transaction.atomic
def _taken(user: User, code: str) -> bool:
    """Whether the code was right and unused, under the row's lock; a wrong one is noted."""
    factor = SecondFactor.objects.select_for_update().get(user=user)
    if _must_wait(factor):
        return False
    step = totp_step(unseal(factor.secret), code, after=factor.last_step)
    recovery = hash_key(code)
    if step is not None:
        factor.last_step = step
    elif recovery in factor.recovery_hashes:
        factor.recovery_hashes.remove(recovery)
        audit(by=user_principal(user), action="second_factor.recovery_used", subject=user)
    else:
        factor.failures, factor.failed_at = factor.failures + 1, timezone.now()
        factor.save()
        return False
    factor.failures = 0
    factor.save()
    return True


def _must_wait(factor: SecondFactor) -> bool:
    """Wrong codes cost ever more time, up to LONGEST_WAIT, so that six digits cannot be tried out."""
    if factor.failed_at is None or factor.failures < FREE_FAILURES:
        return False
    wait = min(LONGEST_WAIT, timedelta(seconds=2 ** min(factor.failures, 20)))
    return timezone.now() < factor.failed_at + wait


@transaction.atomic
def second_factor_remove(*, by: Principal, user: User) -> bool:
    """For whoever lost phone and recovery codes; whether there was one."""
    removed, _ = SecondFactor.objects.filter(user=user).delete()
    if removed:
        audit(by=by, action="second_factor.removed", subject=user)
    return bool(removed)
