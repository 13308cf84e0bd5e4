"""Whether Gcore answers."""

from typing import Final

from django.conf import settings
from django.core.cache import caches

from gcore.errors import GcoreError
from gcore.models import GcoreAccount
from gcore.models.accounts import DEFAULT
from gcore.queries.accounts import account_client

KEY: Final = "gcore.health"
KEPT_SECONDS: Final = 30  # whoever asks how we are asks Gcore at most so often


def gcore_configured() -> bool:
    """Whether the default account has credentials, its own or those of the environment."""
    named = settings.GCORE_API_TOKEN or (settings.GCORE_USERNAME and settings.GCORE_PASSWORD)
    return bool(named or settings.GCORE_SIMULATED or _default().has_credentials)


def gcore_answers() -> bool:
    """Whether Gcore knows the default account; why not is in the log, with the call that failed."""
    shelf = caches["local"]
    answers: bool | None = shelf.get(KEY)
    if answers is None:
        answers = _answers()
        shelf.set(KEY, answers, KEPT_SECONDS)
    return answers


def _answers() -> bool:
    try:
        account_client(_default()).who_am_i()
    except GcoreError:
        return False
    return True


def _default() -> GcoreAccount:
    """Not saved when it is not there: a look changes nothing."""
    return GcoreAccount.objects.filter(name=DEFAULT).first() or GcoreAccount(name=DEFAULT)
