"""What deploy/ watches is what the platform tells: every metric by its name, in good PromQL."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from django.conf import settings
from django.test import Client
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from config.celery import app

DEPLOY = Path(settings.BASE_DIR) / "deploy"
PANELS: list[dict[str, Any]] = json.loads((DEPLOY / "grafana/skyledger.json").read_text())["panels"]
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
SCRAPES: list[dict[str, Any]] = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())[
    "scrape_configs"
]
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "gauge": [""]}


def expressions() -> list[str]:
    shown = [target["expr"] for panel in PANELS for target in panel["targets"]]
    return [rule["expr"] for rule in RULES] + [e.replace("$__rate_interval", "1m") for e in shown]


def selectors(part: Any) -> Iterator[promql_parser.VectorSelector]:
    if isinstance(part, promql_parser.VectorSelector):
        yield part
    for name in ("lhs", "rhs", "expr", "args", "vector_selector"):
        found = getattr(part, name, None) or []
        for inner in found if isinstance(found, list) else [found]:
            yield from selectors(inner)


@pytest.fixture
def told(db: None, few_samples: None) -> set[str]:
    """The names of all samples of /metrics and of workers, also of those that nothing was counted in yet."""
    app.loader.import_default_modules()  # as a worker does
    texts = (Client().get("/metrics").content, generate_latest(REGISTRY))
    families = [family for text in texts for family in text_string_to_metric_families(text.decode())]
    return {f"{family.name}{end}" for family in families for end in SUFFIXES.get(family.type, [])}


def test_each_metric_of_the_rules_and_the_dashboard_is_told(told: set[str]) -> None:
    used = {s.name for text in expressions() for s in selectors(promql_parser.parse(text))}
    assert len(used) > 20
    assert used - told == {"up"}  # which Prometheus makes itself


def test_each_rule_says_how_bad_it_is_and_what_it_means() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"].endswith(".")


def test_what_is_scraped_is_in_the_picture_of_compose() -> None:
    services = yaml.safe_load((Path(settings.BASE_DIR) / "compose.yaml").read_text())["services"]
    targets = [t for job in SCRAPES for static in job["static_configs"] for t in static["targets"]]
    assert {target.partition(":")[0] for target in targets} <= services.keys()
    for name in ("writer1", "writer2", "worker"):
        command = services[name]["command"]
        assert f"{name}:{command[command.index('--metrics-port') + 1]}" in targets


def test_no_two_panels_lie_on_each_other() -> None:
    corners = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in PANELS}
    assert len(corners) == len(PANELS)
    assert all(x % 8 == 0 and y % 7 == 0 for x, y in corners)
