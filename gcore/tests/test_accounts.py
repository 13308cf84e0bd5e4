"""Accounts at Gcore: secrets encrypted at rest and never shown, and the default one of the environment."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.errors import Conflict, ValidationFailed
from accounts.models import AuditEntry, User
from accounts.principals import SYSTEM
from gcore.client import Credentials, Generation
from gcore.errors import PermanentError
from gcore.models import GcoreAccount
from gcore.queries import accounts
from gcore.queries.accounts import account_client, account_credentials
from gcore.services.accounts import account_create, account_default, account_update
from gcore.simulator import API_TOKEN, PASSWORD, USERNAME, Simulator

pytestmark = pytest.mark.django_db
ADD = "/admin/gcore/gcoreaccount/add/"
LIST = "/admin/gcore/gcoreaccount/"


@pytest.fixture
def office(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


@pytest.fixture
def form(gcore_simulator: Simulator) -> dict[str, Any]:
    """What the back office sends for a new account with a name and password."""
    return {
        "name": "emea",
        "api_base": f"{gcore_simulator.url}/",
        "username": USERNAME,
        "password": PASSWORD,
        "api_token": "",
        "generation": "legacy",
        "report_template": "ResellerStatistics",
        "is_active": "on",
    }


def test_the_default_account_is_what_the_environment_says(gcore_simulator: Simulator, settings: Any) -> None:
    account = account_default()
    assert account_default() == account
    assert account_credentials(account) == Credentials(
        name="default", base=gcore_simulator.url, username=USERNAME, password=PASSWORD
    )
    assert account_client(account).who_am_i().name == "Skyledger Reseller"
    settings.GCORE_USERNAME, settings.GCORE_PASSWORD, settings.GCORE_API_TOKEN = "", "", API_TOKEN
    assert account_credentials(account).api_token == API_TOKEN
    settings.GCORE_API_TOKEN = ""
    with pytest.raises(PermanentError, match="set GCORE_USERNAME and GCORE_PASSWORD"):
        account_client(account)


def test_the_default_account_may_have_credentials_of_its_own(gcore_simulator: Simulator) -> None:
    account = account_default()
    account_update(
        by=SYSTEM, account=account, changes={"api_token": "1003_own", "api_base": "https://g.example"}
    )
    account.refresh_from_db()
    found = account_credentials(account)
    assert (found.base, found.api_token, found.password) == ("https://g.example", "1003_own", "")


def test_without_credentials_a_developers_machine_is_answered_by_the_simulator(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.GCORE_SIMULATED = True
    file = tmp_path / "gcore.json"
    monkeypatch.setattr(accounts, "SIMULATOR_FILE", file)
    with pytest.raises(PermanentError, match="`make run` starts it"):
        account_client(account_default())
    file.write_text(json.dumps({"base": "http://127.0.0.1:9", "username": "u", "password": "p"}))
    assert account_credentials(account_default()) == Credentials(
        name="default", base="http://127.0.0.1:9", username="u", password="p"
    )


def test_secrets_are_encrypted_at_rest() -> None:
    account_create(by=SYSTEM, name="one", username="u", password="plain-password", api_token="plain-token")
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM gcore_gcoreaccount")
        row = str(cursor.fetchall())
    assert "plain-password" not in row
    assert "plain-token" not in row
    found = account_credentials(GcoreAccount.objects.get(name="one"))
    assert (found.password, found.api_token) == ("plain-password", "plain-token")


def test_an_account_without_credentials_or_not_active_speaks_for_nobody() -> None:
    bare = account_create(by=SYSTEM, name="bare", username="only-a-name")
    with pytest.raises(PermanentError, match="bare has no credentials"):
        account_client(bare)
    account_update(by=SYSTEM, account=bare, changes={"password": "p", "is_active": False})
    bare.refresh_from_db()
    with pytest.raises(PermanentError, match="bare is not active"):
        account_client(bare)


def test_what_was_done_is_audited_without_secrets(settings: Any) -> None:
    account = account_create(by=SYSTEM, name="one", api_token="first-secret")
    account_update(by=SYSTEM, account=account, changes={"api_token": "second-secret", "generation": "legacy"})
    account_update(by=SYSTEM, account=account, changes={"api_token": "", "generation": "legacy"})
    entries = list(AuditEntry.objects.order_by("pk").values_list("action", "changes"))
    assert entries == [
        ("gcore_account.created", {"name": [None, "one"]}),
        (
            "gcore_account.updated",
            {"generation": ["current", "legacy"], "api_token": ["(hidden)", "(another)"]},
        ),
    ]
    with pytest.raises(Conflict):
        account_create(by=SYSTEM, name="one")
    settings.STRICT = True
    with pytest.raises(ValidationFailed, match="https alone"):
        account_update(by=SYSTEM, account=account, changes={"api_base": "http://g.example"})
    account.refresh_from_db()
    assert account.api_base == "https://api.gcore.com"


def test_the_back_office_takes_secrets_and_never_shows_them(office: Client, form: dict[str, Any]) -> None:
    assert office.post(ADD, form).status_code == 302
    account = GcoreAccount.objects.get(name="emea")
    assert account_credentials(account).generation is Generation.LEGACY
    change = f"{LIST}{account.pk}/change/"
    shown = "".join(
        office.get(path).content.decode() for path in (LIST, change, f"{LIST}{account.pk}/history/")
    )
    for secret in (PASSWORD, account.sealed_password):
        assert secret not in shown
    kept = {**form, "password": "", "username": "another@example.com"}
    assert office.post(change, kept).status_code == 302
    account.refresh_from_db()
    found = account_credentials(account)
    assert (found.username, found.password) == ("another@example.com", PASSWORD)
    assert AuditEntry.objects.get(action="gcore_account.updated").changes == {
        "username": [USERNAME, "another@example.com"]
    }
    assert office.post(f"{LIST}{account.pk}/delete/", {"post": "yes"}).status_code == 403


def test_the_back_office_refuses_what_cannot_be(office: Client, form: dict[str, Any]) -> None:
    for wrong in ({"api_base": "ftp://x"}, {"name": "two words"}, {"generation": "next"}):
        assert office.post(ADD, {**form, **wrong}).status_code == 200
    assert not GcoreAccount.objects.exists()


def test_the_back_office_tries_accounts_out(office: Client, form: dict[str, Any]) -> None:
    office.post(ADD, form)
    office.post(ADD, {**form, "name": "wrong", "password": "wrong-password"})
    rows = [str(pk) for pk in GcoreAccount.objects.values_list("pk", flat=True)]
    answer = office.post(LIST, {"action": "try_out", "_selected_action": rows}, follow=True)
    text = answer.content.decode()
    assert "The account emea is signed in as Skyledger Reseller." in text
    assert (
        "The account wrong is not signed in. Gcore answered login with 400: No active account found" in text
    )
    assert "wrong-password" not in text


def test_others_than_staff_do_not_come_in(owner: User, client_for: Callable[..., Any]) -> None:
    client = Client()
    client.force_login(owner)
    assert client.get(LIST).status_code == 302
