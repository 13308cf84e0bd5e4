"""The rules behind recommendations: what each looks for, and the tenant's own thresholds."""

from decimal import Decimal
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.errors import NotFound
from accounts.exact import canonical
from accounts.models import Scope
from accounts.pages.editing import edited
from accounts.pages.gate import show, tenant_page
from accounts.principals import Principal
from accounts.templatetags.console import words
from inventory.models import RuleSetting
from inventory.queries.recommendations import rule_settings
from inventory.rules import RULES
from inventory.rules.base import Rule
from inventory.services.rules import MOST, rule_set

LABELS: Final = {
    "keys": "Tags",
    "coverage": "Measured, in %",
    "cpu": "CPU, in %",
    "cpu_max": "CPU at most, in %",
    "network": "Network, in B/s",
    "percent": "Per cent",
    "minimum": "From so much a month",
    "target": "Of the smaller, in %",
    "connections": "Connections a day",
    "idle_hours": "Idle hours of a week",
    "resources": "Resources of the provider",
}


class RuleForm(forms.Form):
    """A field for each threshold; an empty one is the default."""

    def __init__(self, rule: type[Rule], setting: RuleSetting | None, data: Any = None) -> None:
        own = setting.thresholds if setting else {}
        initial = {name: _text(value) for name, value in own.items()}
        super().__init__(data, initial={**initial, "is_enabled": setting.is_enabled if setting else True})
        self.texts = {name for name, value in rule.defaults.items() if isinstance(value, list)}
        for name, default in rule.defaults.items():
            self.fields[name] = self._field(name, _text(default))
        self.fields["is_enabled"] = forms.BooleanField(label="The rule is on", required=False)

    def _field(self, name: str, default: str) -> forms.Field:
        told: dict[str, Any] = {"label": LABELS.get(name, words(name)), "required": False}
        if name in self.texts:
            help_text = f"Commas between them. Empty: {default}."
            return forms.CharField(max_length=2000, help_text=help_text, **told)
        return forms.DecimalField(min_value=0, max_value=MOST, help_text=f"Empty: {default}.", **told)

    def given(self) -> dict[str, Any]:
        thresholds = {name: value for name, value in self.cleaned_data.items() if name != "is_enabled"}
        for name in self.texts:
            thresholds[name] = [text.strip() for text in thresholds[name].split(",") if text.strip()] or None
        return {"is_enabled": self.cleaned_data["is_enabled"], "thresholds": thresholds}


@require_safe
@tenant_page()
def rules(request: HttpRequest, principal: Principal) -> HttpResponse:
    settings = rule_settings(principal.home)
    return show(
        request,
        "inventory/rules.html",
        principal,
        rows=[_row(rule, settings.get(rule.key)) for rule in RULES.values()],
        may_change=principal.allows(Scope.ADMIN),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(Scope.ADMIN)
def one_rule(request: HttpRequest, principal: Principal, rule: str) -> HttpResponse:
    known = RULES.get(rule)
    if known is None:
        raise NotFound("There is no such rule.")
    setting = rule_settings(principal.home).get(rule)
    form = RuleForm(known, setting, request.POST or None)

    def save() -> str:
        rule_set(by=principal, tenant=principal.home, rule=rule, **form.given())
        return f"{known.title} is saved. It counts from the next computation on."

    def reset(found: RuleSetting) -> str:
        defaults: dict[str, Any] = dict.fromkeys(known.defaults)
        rule_set(by=principal, tenant=principal.home, rule=rule, is_enabled=True, thresholds=defaults)
        return f"{known.title} has its defaults back."

    return edited(
        request, principal, "inventory/rule.html", found=setting, form=form, save=save, delete=reset,
        there=reverse("console:recommendations-rules"), row=_row(known, setting),
    )  # fmt: skip


def _row(rule: type[Rule], setting: RuleSetting | None) -> dict[str, Any]:
    """`limits`: of each threshold its name, its value, and whether it is the tenant's own."""
    own = setting.thresholds if setting else {}
    return {
        "key": rule.key,
        "title": rule.title,
        "risk": rule.risk,
        "told": (rule.__doc__ or "").strip(),
        "is_on": setting.is_enabled if setting else True,
        "limits": [
            (LABELS.get(name, words(name)), _text(own.get(name, default)), name in own)
            for name, default in rule.defaults.items()
        ],
    }


def _text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else canonical(Decimal(value))
