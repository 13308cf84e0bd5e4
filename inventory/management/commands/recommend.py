"""Recommendations from the command line, and how right the rules are about what was planted."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from django.core.management.base import CommandError

from accounts.errors import AppError
from accounts.exact import canonical
from accounts.management.base import PlainCommand
from accounts.models import Tenant
from accounts.principals import SYSTEM, find_tenant
from inventory.models import RecommendationRun
from inventory.queries.recommendations import open_recommendations, saving_totals
from inventory.rules import RULES
from inventory.services.recommending import recommendations_compute

SHOWN: Final = 20


class Score(NamedTuple):
    """How right a rule was: of so many planted it found so many, and so many of those are waste in truth."""

    rule: str
    planted: int
    found: int
    right: int
    undetermined: int

    @property
    def precision(self) -> float | None:
        return self.right / self.found if self.found else None

    @property
    def recall(self) -> float | None:
        return self.right / self.planted if self.planted else None


class Command(PlainCommand):
    help = (
        "Compute a tenant's recommendations and list the largest savings. With --truth, a file that\n"
        "make_costs wrote, state the precision and recall of each rule.\n\n"
        "Examples:\n"
        "  manage.py recommend --tenant acme\n"
        "  manage.py recommend --tenant acme --json | jq .totals\n"
        "  manage.py recommend --tenant acme --as-of 2026-02-01 --truth truth.json\n"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, help="slug or UUID")
        parser.add_argument(
            "--as-of", metavar="DAY", help="judge as on the morning of this day; default: now"
        )
        parser.add_argument("--truth", type=Path, metavar="FILE", help="what is planted, as of make_costs")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = find_tenant(options["tenant"])
        if tenant is None:
            raise CommandError(f"There is no active tenant {options['tenant']!r}.")
        try:
            truth = json.loads(options["truth"].read_text())["waste"] if options["truth"] else None
            run = recommendations_compute(by=SYSTEM, tenant=tenant, now=_moment(options["as_of"]))
        except AppError as error:
            raise CommandError(error.message) from error
        except (OSError, ValueError, KeyError) as error:
            raise CommandError(f"{options['truth']}: {error!r}") from error
        found = scores(tenant, run, truth) if truth is not None else []
        self._report_json(tenant, run, found) if options["json"] else self._report(tenant, run, found)

    def _report(self, tenant: Tenant, run: RecommendationRun, found: list[Score]) -> None:
        for row in (
            open_recommendations(tenant).filter(saving_monthly__gt=0).order_by("-saving_monthly")[:SHOWN]
        ):
            saving = f"{row.saving_monthly:12.2f} {row.currency}"
            self.stdout.write(f"{saving}  {row.priority:<8}  {row.rule:<20}  {row.native_id}")
        for total in saving_totals(tenant):
            self.stdout.write(
                f"{total.resources:.2f} {total.currency} a month on resources, each counted once; beside it"
                f" {total.commitments:.2f} by commitments"
            )
        counts = f"{run.opened} opened, {run.updated} updated, {run.closed} closed"
        self.stdout.write(f"{run.resources} resources: {counts}")
        if found:
            self.stdout.write("| rule | planted | found | right | precision | recall | undetermined |")
            self.stdout.write("|---|---:|---:|---:|---:|---:|---:|")
        for score in found:
            figures = (score.planted, score.found, score.right, _part(score.precision), _part(score.recall))
            cells = " | ".join(str(figure) for figure in (*figures, score.undetermined))
            self.stdout.write(f"| `{score.rule}` | {cells} |")

    def _report_json(self, tenant: Tenant, run: RecommendationRun, found: list[Score]) -> None:
        totals = {
            total.currency: {name: canonical(getattr(total, name)) for name in ("resources", "commitments")}
            for total in saving_totals(tenant)
        }
        told = {name: getattr(run, name) for name in ("resources", "opened", "updated", "closed", "verdicts")}
        rules = {
            score.rule: {**score._asdict(), "precision": score.precision, "recall": score.recall}
            for score in found
        }
        self.stdout.write(json.dumps({"id": str(run.pk), **told, "totals": totals, "scores": rules}))


def scores(tenant: Tenant, run: RecommendationRun, truth: dict[str, list[str]]) -> list[Score]:
    """Of each rule that something is planted for, or that found something."""
    found: dict[str, set[str]] = {rule: set() for rule in RULES}
    for rule, name in open_recommendations(tenant).filter(rule__in=RULES).values_list("rule", "native_id"):
        found[rule].add(name)
    result = []
    for rule, names in found.items():
        planted = set(truth.get(rule, ()))
        undetermined = run.verdicts[rule]["undetermined"]
        if planted or names:
            result.append(Score(rule, len(planted), len(names), len(planted & names), undetermined))
    return result


def _moment(day: str | None) -> datetime | None:
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(hour=12, tzinfo=UTC) if day else None
    except ValueError as error:
        raise CommandError("--as-of is a day such as 2026-02-01.") from error


def _part(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
