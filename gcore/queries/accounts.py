"""From an account's row to the client that speaks for it."""

import json
from typing import Final

from django.conf import settings

from accounts.signing import unseal
from gcore.client import Credentials, GcoreClient, Generation
from gcore.errors import PermanentError
from gcore.models import GcoreAccount
from gcore.models.accounts import DEFAULT

# Written by `manage.py serve` for itself and for the commands beside it.
SIMULATOR_FILE: Final = settings.VAR_DIR / "gcore-simulator.json"


def account_client(account: GcoreAccount) -> GcoreClient:
    """Errors: PermanentError when the account has no credentials or is not active."""
    if not account.is_active:
        raise PermanentError(f"The Gcore account {account.name} is not active.")
    return GcoreClient(account_credentials(account))


def account_credentials(account: GcoreAccount) -> Credentials:
    """Its own, or for `default` without any those of the environment. Errors: PermanentError for none."""
    if account.has_credentials:
        return Credentials(
            name=account.name,
            base=account.api_base,
            api_token=unseal(account.sealed_api_token) if account.sealed_api_token else "",
            username=account.username,
            password=unseal(account.sealed_password) if account.sealed_password else "",
            generation=Generation(account.generation),
            template=account.report_template,
            end_is_exclusive=account.end_is_exclusive,
        )
    if account.name != DEFAULT:
        raise PermanentError(
            f"The Gcore account {account.name} has no credentials; give it some in the admin."
        )
    return _simulated() if settings.GCORE_SIMULATED else _from_environment()


def _from_environment() -> Credentials:
    if not (settings.GCORE_API_TOKEN or settings.GCORE_USERNAME):
        raise PermanentError(
            "There are no credentials for Gcore: set GCORE_USERNAME and GCORE_PASSWORD, or GCORE_API_TOKEN,"
            " or give the account default some in the admin."
        )
    return Credentials(
        name=DEFAULT,
        base=settings.GCORE_API_BASE,
        api_token=settings.GCORE_API_TOKEN,
        username=settings.GCORE_USERNAME,
        password=settings.GCORE_PASSWORD,
        generation=Generation(settings.GCORE_API_GENERATION),
        template=settings.GCORE_REPORT_TEMPLATE,
        end_is_exclusive=settings.GCORE_END_IS_EXCLUSIVE,
    )


def _simulated() -> Credentials:
    try:
        return Credentials(name=DEFAULT, **json.loads(SIMULATOR_FILE.read_text()))
    except FileNotFoundError as error:
        raise PermanentError("The simulated Gcore is not running; `make run` starts it.") from error
