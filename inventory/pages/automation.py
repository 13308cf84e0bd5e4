"""Rules of automation: the list with the plans that wait, one with what it would match now, and its form."""

from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.errors import AppError, NotFound
from accounts.models import Scope
from accounts.pages.editing import edited
from accounts.pages.gate import show, tenant_page
from accounts.pages.paging import newest
from accounts.principals import Principal
from inventory.actions import Action, action_name
from inventory.models import AutomationRule, AutomationRun
from inventory.pages.automation_form import TRIGGERS, RuleForm
from inventory.queries.automation import rule_preview, rule_problem
from inventory.services.automation_plans import rule_plan
from inventory.services.automation_rules import MOST, rule_create, rule_delete, rule_update

RUNS: Final = 20


class Row(NamedTuple):
    """`problem` says why it can do nothing as it stands, if so."""

    rule: AutomationRule
    when: str
    does: str
    problem: str


@require_safe
@tenant_page()
def automation(request: HttpRequest, principal: Principal) -> HttpResponse:
    tenant = principal.home
    waiting = AutomationRun.objects.for_tenant(tenant).filter(state=AutomationRun.State.WAITING)
    rules = AutomationRule.objects.for_tenant(tenant).select_related("tenant").order_by("name")
    return show(
        request,
        "inventory/automation.html",
        principal,
        rows=[_row(rule) for rule in rules[:MOST]],
        waiting=waiting.select_related("rule").order_by("-pk")[:MOST],
        may_change=principal.allows(Scope.ADMIN),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page()
def one_rule(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    """What it does, what it would match now, and its runs; a POST asks for a plan."""
    rule = _rule(principal, pk)
    error = None
    if request.method == "POST":
        principal.require(Scope.ADMIN)
        try:
            return redirect("console:automation-run", rule_plan(by=principal, rule=rule).pk)
        except AppError as refused:
            error = refused
    runs = AutomationRun.objects.for_tenant(principal.home).filter(rule=rule)
    return show(
        request,
        "inventory/automation_rule.html",
        principal,
        status=error.status if error else 200,
        one=_row(rule),
        preview=rule_preview(rule),
        page=newest(runs, request, RUNS),
        error=error,
        may_change=principal.allows(Scope.ADMIN),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(Scope.ADMIN)
def new_rule(request: HttpRequest, principal: Principal) -> HttpResponse:
    return _edited(request, principal, None)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(Scope.ADMIN)
def edit_rule(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    """The form of one rule, or by the button `do` its end."""
    return _edited(request, principal, _rule(principal, pk))


def _edited(request: HttpRequest, principal: Principal, rule: AutomationRule | None) -> HttpResponse:
    form = RuleForm(principal.home, rule, request.POST or None)
    if request.POST.get("do") == "preview" and form.is_valid():
        drafted = AutomationRule(tenant=principal.home, **form.fields_of_rule())
        if rule is not None:
            drafted.match_criteria = rule.match_criteria
        return show(
            request,
            "inventory/automation_edit.html",
            principal,
            rule=rule,
            form=form,
            preview=rule_preview(drafted),
        )
    return edited(
        request,
        principal,
        "inventory/automation_edit.html",
        found=rule,
        form=form,
        save=lambda: _save(principal, rule, form.fields_of_rule()),
        delete=partial(_deleted, principal),
        there="console:automation",
        rule=rule,
    )


def _save(principal: Principal, rule: AutomationRule | None, fields: dict[str, Any]) -> str:
    if rule is None:
        rule_create(by=principal, tenant=principal.home, **fields)
    else:
        rule_update(by=principal, rule=rule, changes=fields)
    return f"The rule {fields['name']} is saved."


def _deleted(principal: Principal, rule: AutomationRule) -> str:
    rule_delete(by=principal, rule=rule)
    return f"The rule {rule.name} is deleted."


def _rule(principal: Principal, pk: UUID) -> AutomationRule:
    rules = AutomationRule.objects.for_tenant(principal.home).select_related("tenant")
    found: AutomationRule | None = rules.filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such rule in this tenant.")
    return found


def _row(rule: AutomationRule) -> Row:
    kind = rule.trigger["type"]
    told = " ".join(str(rule.trigger[name]) for name in TRIGGERS[kind][1] if name in rule.trigger)
    when = f"{TRIGGERS[kind][0]}: {told}" if told else TRIGGERS[kind][0]
    return Row(rule, when, ", ".join(action_told(action) for action in rule.actions), rule_problem(rule))


def action_told(action: Action) -> str:
    """`{"type": "tag", "key": "review", "value": "yes"}` → set review to yes; a bare word stays as it is."""
    match action_name(action):
        case "tag" if "key" in action:
            value = action["value"]
            return f"take {action['key']} away" if value is None else f"set {action['key']} to {value}"
        case "recommend" if "description" in action:
            return f"recommend: {action['description']}"
        case "notify" if "emails" in action:
            return f"tell {', '.join(action['emails']) or 'a webhook'}"
        case kind:
            return kind
