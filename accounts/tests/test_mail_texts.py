"""Each mail as it is read: its exact text, and that nothing in it can be made to be more than text."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import pytest
from django.conf import settings

from accounts.models import Delivery, MailKind, Tenant
from accounts.services import mail as mails
from accounts.services.mail import mail_compose

pytestmark = pytest.mark.django_db
Payload = dict[str, Any]
SNEAKY: Final = "Disk <b>full</b> & more\r\nBcc: victim@example.com\n\nHello"
FLAT: Final = "Disk <b>full</b> & more Bcc: victim@example.com Hello"
ALERT: Final = {
    "tenant": "acme", "name": "Spend", "measure": "cost", "unit": "EUR", "window_minutes": 60,
    "value": "12.5", "operator": ">=", "threshold": "10", "since": "2026-03-01T10:00:00+00:00",
}  # fmt: skip
BUDGET: Final = {
    "tenant": "acme", "name": "Cloud", "of": "actual", "percent": 80, "value": "80.01", "amount": "100",
    "currency": "EUR", "period": "month", "period_start": "2026-03-01", "period_end": "2026-04-01",
}  # fmt: skip
GCORE: Final = {
    "tenant": "acme", "month": "2026-03", "starts_on": "2026-03-01", "ends_on": "2026-04-01",
    "problems": [{"feature_id": "7", "feature_name": "Traffic", "findings": ["differs", "jumped"]}],
}  # fmt: skip
RUN: Final = {
    "tenant": "acme", "name": "Nights", "rule": "0195a2b0", "id": "0195a2b1", "matched": 2, "hash": "c0ffee",
    "cause": "due at 2026-03-27 19:00 UTC",
}  # fmt: skip
# Type → payload, subject, text.
MAILS: Final[dict[str, tuple[Payload, str, str]]] = {
    "alert.raised": (
        ALERT,
        "Alert: Spend (acme)",
        "The alert Spend of acme was raised.\n\n    cost EUR in the last 60 minutes: 12.5\n"
        "    threshold: >= 10\n\nSince 2026-03-01T10:00:00+00:00.",
    ),
    "alert.resolved": (
        ALERT | {"value": None},
        "Resolved: Spend (acme)",
        "The alert Spend of acme is resolved.\n\n    cost EUR in the last 60 minutes: nothing\n"
        "    threshold: >= 10\n\nSince 2026-03-01T10:00:00+00:00.",
    ),
    "budget.crossed": (
        BUDGET,
        "Budget: Cloud at 80 % (acme)",
        "The cost of the budget Cloud of acme has reached 80 % of its amount.\n\n    so far: 80.01 EUR\n"
        "    amount: 100 EUR a month\n\nFrom 2026-03-01, before 2026-04-01.",
    ),
    "approval.requested": (
        RUN | {"actions": 1, "expires_at": "2026-03-28 19:00 UTC"},
        "To approve: Nights, 1 action (acme)",
        "The automation rule Nights of acme has a plan that waits for a second person.\n\n"
        "    matches: 2 resources\n    would do: 1 action\n    cause: due at 2026-03-27 19:00 UTC\n"
        "    plan: c0ffee\n\n"
        "Look at it and approve or reject it before 2026-03-28 19:00 UTC; after that it is not done.\n\n"
        "    POST /api/v1/automation-rules/0195a2b0/runs/0195a2b1/approve",
    ),
    "automation.notice": (
        RUN | {
            "resources": ["aws i-1", "aws i-2"],
            "done": [{"what": "stop i-1", "state": "done", "result": "It is STOPPED."}],
        },
        "Automation: Nights, 2 resources (acme)",
        "The automation rule Nights of acme matches 2 resources. Cause: due at 2026-03-27 19:00 UTC.\n\n"
        "    aws i-1\n    aws i-2\n\nWhat was done:\n\n    stop i-1: done. It is STOPPED.",
    ),
    "reconciliation.raised": (
        GCORE,
        "Gcore and our figures differ: 2026-03 (acme)",
        "What Gcore counts and what was metered for acme differ from 2026-03-01 until before 2026-04-01.\n\n"
        "    7 Traffic: differs, jumped\n\nAll figures: /console/gcore",
    ),
    "reconciliation.resolved": (
        GCORE,
        "Gcore and our figures agree again: 2026-03 (acme)",
        "What Gcore counts and what was metered for acme agree from 2026-03-01 until before 2026-04-01.",
    ),
    "password_reset.requested": (
        {"email": "ada@example.com", "code": "abc.def", "url": "https://s.example/n/abc.def", "hours": 72},
        "Set a new Skyledger password",
        "Somebody, hopefully you, asked to set a new password for your Skyledger account ada@example.com.\n\n"
        "To set one, open:\n\n    https://s.example/n/abc.def\n\n"
        "The link works once and for 72 hours. Programs send its code with the new password to\n"
        "POST /api/v1/auth/password-reset/confirm:\n\n    abc.def\n\n"
        "If it was not you, ignore this mail: nothing has changed.",
    ),
    "digest.weekly": (
        {
            "tenant": "Acme", "first": "02 Mar 2026", "last": "08 Mar 2026", "url": "https://s.example/console/",
            "sections": [
                {
                    "title": "Usage", "summary": "1,010 events, 1 % more than in the week before.",
                    "bars": [
                        {"label": "Mon 02 Mar", "value": "1,000", "share": 100},
                        {"label": "Tue 03 Mar", "value": "10", "share": 1},
                        {"label": "Wed 04 Mar", "value": "0", "share": 0},
                    ],
                    "lines": ["llm_service: 1,010 events"],
                },
                {"title": "Builds", "summary": "2 ended.", "bars": [], "lines": []},
            ],
        },
        "Acme: 02 Mar 2026 to 08 Mar 2026",
        "The week of Acme, 02 Mar 2026 to 08 Mar 2026.\n\nUsage\n"
        "1,010 events, 1 % more than in the week before.\n\n"
        "    Mon 02 Mar                     1,000  ####################\n"
        "    Tue 03 Mar                        10  #\n"
        "    Wed 04 Mar                         0\n"
        "    llm_service: 1,010 events\n\n"
        "Builds\n2 ended.\n\n\nMore: https://s.example/console/",
    ),
    "invitation.sent": (
        {
            "tenant": "Acme", "role": "viewer", "invited_by": "ada@example.com", "days": 7,
            "url": "https://s.example/x",
        },
        "You are invited to Acme on Skyledger",
        "ada@example.com invites you to Acme on Skyledger, as viewer.\n\nTo accept, open:\n\n"
        "    https://s.example/x\n\nThe link works once and for 7 days. If you do not know what this is "
        "about, ignore it: nothing has changed.",
    ),
}  # fmt: skip


class Words(HTMLParser):
    """The text of a page, and the names of its elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.elements: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(autouse=True)
def nothing_is_made_at_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mails, "MADE_AT_SENDING", {})


def composed(tenant: Tenant | None, type: str, payload: Payload, kind: str = "") -> Any:
    return mail_compose(
        Delivery(tenant=tenant, target="to@example.com", event_type=type, payload=payload, mail_kind=kind)
    )


def html_of(message: Any) -> Words:
    ((content, kind),) = message.alternatives
    assert kind == "text/html"
    return Words(content)


def sneaky(value: Any) -> Any:
    """The payload with every text of it replaced."""
    if isinstance(value, dict):
        return {key: sneaky(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [sneaky(inner) for inner in value]
    return SNEAKY if isinstance(value, str) else value


def test_every_template_is_here() -> None:
    found = {path.stem for path in (Path(settings.BASE_DIR) / "templates/email").glob("*.txt")}
    assert found == MAILS.keys()


@pytest.mark.parametrize("type", MAILS)
def test_the_text_and_what_is_in_both(type: str) -> None:
    payload, subject, text = MAILS[type]
    message = composed(None, type, payload)
    assert (message.subject, message.body) == (subject, text + "\n")
    page = html_of(message)
    for value in payload.values():
        if isinstance(value, str) and value in text and not value.startswith("https"):
            assert value in page.text


@pytest.mark.parametrize("type", MAILS)
def test_no_name_gets_out_of_its_place(type: str) -> None:
    message = composed(None, type, sneaky(MAILS[type][0]))
    assert "\n" not in message.subject
    assert not any(line.startswith("Bcc") for line in message.message().as_string().splitlines())
    page = html_of(message)
    assert "b" not in page.elements
    if FLAT in message.body:
        assert FLAT in page.text


def test_a_mail_that_may_be_stopped_says_how_in_text_html_and_header(acme: Tenant) -> None:
    message = composed(acme, "alert.raised", ALERT, MailKind.ALERTS)
    link = message.extra_headers["List-Unsubscribe"]
    assert link.startswith(f"<{settings.PUBLIC_URL}/console/unsubscribe/")
    assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message.body.endswith(f"\n\n-- \nNo more of these mails: {link[1:-1]}\n")
    assert link[1:-1] in message.alternatives[0][0]


@pytest.mark.parametrize("type", ["password_reset.requested", "invitation.sent"])
def test_mails_of_the_account_cannot_be_stopped(acme: Tenant, type: str) -> None:
    message = composed(acme, type, MAILS[type][0], MailKind.ACCOUNT)
    assert message.extra_headers.keys() == {"Message-ID"}
    assert "No more" not in message.body + message.alternatives[0][0]
