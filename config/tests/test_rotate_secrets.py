"""A new key closes everything anew, and no column is forgotten."""

import json
import re
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import InvalidToken
from django.conf import settings as real
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry, SecondFactor, User
from accounts.signing import seal, unseal
from gcore.models import GcoreAccount

ROOMS = ["accounts", "usage", "builds", "inventory", "gcore", "config"]


def rotate() -> dict[str, int]:
    out = StringIO()
    with suppress(CommandError):
        call_command("rotate_secrets", "--json", stdout=out)
    said: dict[str, int] = json.loads(out.getvalue())
    return said


@pytest.mark.django_db
def test_all_is_closed_with_the_new_key_once(owner: User, settings: Any) -> None:
    settings.WEBHOOK_SECRET_KEYS = ["old-key"]
    SecondFactor.objects.create(user=owner, secret=seal("JBSWY3DP"))
    account = GcoreAccount.objects.create(name="one", username="u", sealed_password=seal("hunter2"))
    GcoreAccount.objects.create(name="none")
    settings.WEBHOOK_SECRET_KEYS = ["new-key", "old-key"]
    assert rotate() == {"rotated": 2, "current": 0, "unreadable": 0}
    assert rotate() == {"rotated": 0, "current": 2, "unreadable": 0}
    settings.WEBHOOK_SECRET_KEYS = ["new-key"]
    account.refresh_from_db()
    assert unseal(account.sealed_password) == "hunter2"
    assert unseal(SecondFactor.objects.get().secret) == "JBSWY3DP"
    assert AuditEntry.objects.filter(action="secrets.rotated").count() == 2


@pytest.mark.django_db
def test_what_no_key_opens_is_told_and_left_alone(owner: User, settings: Any) -> None:
    settings.WEBHOOK_SECRET_KEYS = ["lost-key"]
    sealed = seal("JBSWY3DP")
    SecondFactor.objects.create(user=owner, secret=sealed)
    settings.WEBHOOK_SECRET_KEYS = ["new-key"]
    with pytest.raises(CommandError, match="WEBHOOK_SECRET_KEY"):
        call_command("rotate_secrets", stdout=StringIO())
    assert rotate() == {"rotated": 0, "current": 0, "unreadable": 1}
    assert SecondFactor.objects.get().secret == sealed
    with pytest.raises(InvalidToken):
        unseal(sealed)


def test_every_module_that_seals_is_known_to_the_command() -> None:
    """Whoever begins to seal a column adds it to SEALED, and then its module here."""
    root = Path(real.BASE_DIR)
    files = [path for room in ROOMS for path in (root / room).rglob("*.py") if "tests" not in path.parts]
    sealing = {str(path.relative_to(root)) for path in files if re.search(r"\bseal\(", path.read_text())}
    assert sealing == {
        "accounts/services/second_factor.py",
        "accounts/services/webhooks.py",
        "accounts/signing.py",
        "builds/services/artifacts.py",
        "gcore/client/tokens.py",  # in the cache, for as long as a token lives
        "gcore/services/accounts.py",
    }
