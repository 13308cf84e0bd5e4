"""A rule of automation as a form: when, what it meets, and one action of each kind."""

from typing import Any, Final

from django import forms

from accounts.models import Tenant, Webhook
from accounts.pages.editing import addresses
from inventory.actions import SUMMARY, Action, action_name
from inventory.models import AutomationRule, Budget, Recommendation
from inventory.rules import RULES

MOST: Final = 100  # budgets and webhooks to choose from
PLAIN: Final = ("name", "is_enabled", "filter", "max_targets", "max_percent", "requires_approval")
TRIGGERS: Final = {
    "manual": ("When somebody asks for a plan", ()),
    "cron": ("At times", ("cron", "time_zone")),
    "level": ("As long as something matches", ("minutes",)),
    "event": ("When something happens", ("event",)),
    "budget": ("When a budget is spent", ("budget", "percent")),
    "recommendation": ("When something is recommended", ("rule",)),
}


class RuleForm(forms.Form):
    """`WHEN` and `WHAT` name the fields of the trigger and of the actions."""

    name = forms.CharField(max_length=255)
    filter = forms.CharField(
        label="Resources", max_length=2000, required=False, strip=True,
        help_text="Those that match, such as tag:env = dev and state = running.",
    )  # fmt: skip
    trigger = forms.ChoiceField(label="When", choices=[(kind, told) for kind, (told, _) in TRIGGERS.items()])
    cron = forms.CharField(
        label="Times", max_length=255, required=False,
        help_text="Minute, hour, day, month, weekday, such as 0 20 * * 1-5.",
    )  # fmt: skip
    time_zone = forms.CharField(
        max_length=63, required=False, help_text="Of the times, such as Europe/Berlin."
    )
    minutes = forms.IntegerField(
        label="Minutes between", required=False, help_text="As long as something matches, 5 to 10,080."
    )
    event = forms.CharField(
        label="What happens", max_length=255, required=False,
        help_text="A type of the activity, such as resources.bulk.",
    )  # fmt: skip
    budget = forms.ChoiceField(required=False)
    percent = forms.IntegerField(required=False, help_text="Of the budget, from which on it is told.")
    rule = forms.ChoiceField(
        label="What is recommended", required=False,
        choices=[("", "Nothing"), *((rule.key, rule.title) for rule in RULES.values())],
    )  # fmt: skip
    power = forms.ChoiceField(
        label="At the provider", required=False,
        choices=[("", "Nothing"), ("stop", "Stop it"), ("start", "Start it")],
    )  # fmt: skip
    tag_key = forms.CharField(label="Set the tag", max_length=255, required=False)
    tag_value = forms.CharField(
        label="Its value", max_length=255, required=False, help_text="Empty: the tag is taken away."
    )
    description = forms.CharField(label="Recommend", max_length=255, required=False)
    priority = forms.ChoiceField(
        label="Its priority", required=False, choices=Recommendation.Priority.choices, initial="medium"
    )
    emails = forms.CharField(
        label="Tell by mail", max_length=5000, required=False, help_text="Addresses, parted by commas."
    )
    webhook = forms.ChoiceField(label="Tell a webhook", required=False)
    max_targets = forms.IntegerField(
        label="At most, resources", min_value=1, max_value=10_000, initial=10,
        help_text="If more are to be changed, nothing is done.",
    )  # fmt: skip
    max_percent = forms.IntegerField(
        label="At most, in %", min_value=1, max_value=100, initial=20,
        help_text="Of all resources; one is always allowed.",
    )  # fmt: skip
    requires_approval = forms.BooleanField(
        label="A second person approves what it plans", required=False, initial=True
    )
    is_enabled = forms.BooleanField(label="It is switched on", required=False, initial=True)

    WHEN: Final = ("trigger", *(name for _, names in TRIGGERS.values() for name in names))
    WHAT: Final = ("power", "tag_key", "tag_value", "description", "priority", "emails", "webhook")

    def __init__(self, tenant: Tenant, rule: AutomationRule | None, data: Any = None) -> None:
        super().__init__(data, initial=_initial(rule) if rule else {"time_zone": tenant.timezone})
        self.kept = _kept(rule) if rule else []
        fields: Any = self.fields
        fields["budget"].choices = _named(Budget.objects.for_tenant(tenant).order_by("name"))
        fields["webhook"].choices = _named(Webhook.objects.for_tenant(tenant).order_by("url"))

    def fields_of_rule(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            **{name: given[name] for name in PLAIN},
            "trigger": self._trigger(),
            "actions": self._actions(),
        }

    def when(self) -> list[forms.BoundField]:
        return [self[name] for name in self.WHEN]

    def what(self) -> list[forms.BoundField]:
        return [self[name] for name in self.WHAT]

    def _trigger(self) -> dict[str, Any]:
        kind = self.cleaned_data["trigger"]
        told = {name: self.cleaned_data[name] for name in TRIGGERS[kind][1]}
        return {"type": kind, **{name: value for name, value in told.items() if value not in ("", None)}}

    def _actions(self) -> list[Action]:
        given = self.cleaned_data
        found: list[Action] = [{"type": given["power"]}] if given["power"] else []
        if given["tag_key"]:
            found.append({"type": "tag", "key": given["tag_key"], "value": given["tag_value"] or None})
        if given["description"]:
            priority = given["priority"] or "medium"
            found.append({"type": "recommend", "description": given["description"], "priority": priority})
        if given["emails"] or given["webhook"]:
            webhook = {"webhook": given["webhook"]} if given["webhook"] else {}
            found.append({"type": SUMMARY, "emails": addresses(given["emails"]), **webhook})
        return found + self.kept


def _named(rows: Any) -> list[tuple[str, str]]:
    return [("", "None"), *((str(row.pk), str(row)) for row in rows[:MOST])]


def _initial(rule: AutomationRule) -> dict[str, Any]:
    told = {name: getattr(rule, name) for name in PLAIN}
    trigger = {**rule.trigger, "trigger": rule.trigger["type"]}
    for action in reversed(rule.actions):
        match action_name(action):
            case "tag":
                told |= {"tag_key": action.get("key"), "tag_value": action.get("value")}
            case "stop" | "start" as power:
                told["power"] = power
            case "recommend":
                told |= {name: action.get(name) for name in ("description", "priority")}
            case "notify":
                told |= {"emails": ", ".join(action.get("emails", ())), "webhook": action.get("webhook", "")}
    return told | trigger


def _kept(rule: AutomationRule) -> list[Action]:
    """Tags after the first: the form has room for one, and leaves the others as they are."""
    return [action for action in rule.actions if action_name(action) == "tag"][1:]
