"""What a rule would match, asked in one query whatever the number of resources."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db.models import Q, QuerySet

from accounts.errors import ValidationFailed
from accounts.grammar import And, Compare, Filter, GrammarError, In, Leaf, Value, leaves, parse_path
from accounts.models import Tenant
from inventory.actions import AT_PROVIDER, CHANGING, SUMMARY, Action, action_name, effect_q, read_actions
from inventory.adapters import ProviderError, adapter_for
from inventory.filters import Kind, Properties, filter_q, property_of, read_filter
from inventory.models import AutomationRule, Recommendation, Resource
from inventory.queries.owners import resource_properties
from inventory.triggers import read_trigger

SHOWN: Final = 100
OPEN: Final = Recommendation.Status.OPEN


class Definition(NamedTuple):
    """What of a rule decides whom it meets and what it does: frozen with each plan."""

    trigger: dict[str, Any]
    filter: str
    match_criteria: dict[str, Any]
    actions: list[Action]
    max_targets: int
    max_percent: int
    requires_approval: bool

    @classmethod
    def of(cls, rule: AutomationRule) -> "Definition":
        return cls(*(getattr(rule, name) for name in cls._fields))

    @property
    def on_resources(self) -> list[Action]:
        return [action for action in self.actions if action_name(action) != SUMMARY]

    @property
    def is_changing(self) -> bool:
        return any(action_name(action) in CHANGING for action in self.actions)

    def allowed(self, fleet: int) -> int:
        """The most resources that one run may change."""
        return min(self.max_targets, max(1, fleet * self.max_percent // 100))


class Preview(NamedTuple):
    """`problem` says why a plan would be refused, if it would."""

    matched: int
    fleet: int
    allowed: int
    problem: str
    resources: list[Resource]


def rule_preview(rule: AutomationRule) -> Preview:
    """What the rule would match now; the first SHOWN of it."""
    definition = Definition.of(rule)
    fleet = fleet_of(rule.tenant)
    allowed = definition.allowed(fleet)
    try:
        found = rule_targets(rule.tenant, definition)
    except ValidationFailed as error:
        return Preview(0, fleet, allowed, error.message, [])
    matched, shown = found.count(), list(found[:SHOWN])
    return Preview(matched, fleet, allowed, obstacle(definition, matched, fleet, shown), shown)


def rule_problem(rule: AutomationRule) -> str:
    """Why the rule can do nothing as it stands, whatever there is; empty when it can."""
    try:
        conditions(Definition.of(rule), resource_properties(rule.tenant))
    except ValidationFailed as error:
        return error.message
    return ""


def rule_targets(tenant: Tenant, definition: Definition) -> QuerySet[Resource]:
    """The resources on which it would do something, by id. Errors: ValidationFailed, so nothing is met."""
    met = rule_meets(tenant, definition)
    effects = Q()
    for action in definition.actions:
        if action_name(action) != SUMMARY:
            effects |= effect_q(action)
    return met.filter(effects).select_related("cloud_account", "tenant").order_by("pk")


def rule_meets(tenant: Tenant, definition: Definition) -> QuerySet[Resource]:
    """The resources that its conditions hold for. Errors: ValidationFailed."""
    properties = resource_properties(tenant)
    met = filter_q(conditions(definition, properties), properties)
    if definition.trigger["type"] == "recommendation":
        rule = definition.trigger["rule"]
        waiting = Recommendation.objects.for_tenant(tenant).filter(rule=rule, status=OPEN)
        met &= Q(("pk__in", waiting.values("resource")))
    rows: QuerySet[Resource] = Resource.objects.for_tenant(tenant).filter(met)
    return rows


def fleet_of(tenant: Tenant) -> int:
    return int(Resource.objects.for_tenant(tenant).count())


def conditions(definition: Definition, properties: Properties) -> Filter:
    """The filter and the older service's criteria together.

    Errors: ValidationFailed when there are none, or anything of the rule cannot be understood.
    """
    read_trigger(definition.trigger)
    read_actions(definition.actions)
    criteria = read_criteria(definition.match_criteria, properties)
    by_recommendation = definition.trigger["type"] == "recommendation"
    if not (definition.filter.strip() or criteria.parts or by_recommendation):
        raise ValidationFailed.field("filter", "the rule has no conditions, and would meet every resource.")
    return And((read_filter(definition.filter, properties), criteria))


def read_criteria(criteria: Mapping[str, Any], properties: Properties) -> And:
    """`{"tag:env": "dev", "state": ["running", "idle"]}` as a filter; ValidationFailed when it is none."""
    try:
        found = And(tuple(_criterion(name, value) for name, value in criteria.items()))
        filter_q(found, properties)
    except GrammarError as error:
        raise ValidationFailed.field("match_criteria", str(error)) from error
    return found


def obstacle(definition: Definition, matched: int, fleet: int, resources: list[Resource]) -> str:
    """Why a plan for these would be refused; empty when it would not."""
    kinds = {action_name(action) for action in definition.actions}
    allowed = definition.allowed(fleet)
    if definition.is_changing and matched > allowed:
        return (
            f"{matched} resources of {fleet} match; the rule may change {allowed} at a time"
            f" ({definition.max_targets}, and {definition.max_percent} % of all)."
        )
    if kinds & AT_PROVIDER:
        try:
            for provider in sorted({resource.provider for resource in resources}):
                adapter_for(provider)
        except ProviderError as error:
            return error.message
    return ""


def reason(resource: Resource, met: Filter, properties: Properties) -> str:
    """What of a resource the conditions ask for, such as `state is running; tag:env is dev`."""
    return "; ".join(dict.fromkeys(_told(resource, leaf, properties) for leaf in leaves(met)))


def _told(resource: Resource, leaf: Leaf, properties: Properties) -> str:
    name = ":".join(leaf.path.names)
    asked, key = property_of(leaf.path, properties)
    if not asked.column:  # a product's or a folder's, which a query of its own finds
        return f"{name} is as asked for"
    value: Any = resource
    for step in asked.column.split("__"):
        value = getattr(value, step, None)
    if asked.kind is Kind.TAG:
        value = (value or {}).get(key)
    return f"{name} is {'absent' if value in (None, '') else value}"


def _criterion(name: str, value: Any) -> Compare | In:
    path = parse_path(name)
    if isinstance(value, list) and value:
        values = tuple(_value(path.position, one) for one in value)
        if len({type(one) for one in values}) > 1:
            raise GrammarError(path.position, f"texts or numbers for {name}, not both")
        return In(path, values)
    return Compare(path, "=", _value(path.position, value))


def _value(position: int, value: Any) -> Value:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float | Decimal):
        return Decimal(str(value))
    raise GrammarError(position, "a text, a number, or a list of one kind of them")
