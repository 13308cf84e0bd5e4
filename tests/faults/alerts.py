"""The rules of deploy/ evaluated by Prometheus' own promtool over what the processes really told.

Two scrapes in health and two under a fault are drawn out over time: counters go on as they went between the
two, gauges stay as they were in the second, but for the ages of what nobody is left to do.
"""

import json
import math
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from tests.faults.programs import ROOT

PROMTOOL: Final = shutil.which("promtool")
RULES: Final = ROOT / "deploy" / "prometheus" / "rules.yml"
STEP_SECONDS: Final = 15
HEALTHY: Final = 80  # steps, 20 minutes
FAULTY: Final = 100
FIRED: Final = 'group by (alertname) (max_over_time(ALERTS{{alertstate="firing", alertname!="{}"}}[{}s]))'
Series = Mapping[str, float]


class Scrape(NamedTuple):
    """Each series as Prometheus writes it, with its value; `counted` are the counters among them."""

    at: float
    values: dict[str, float]
    counted: set[str]


class Stretch(NamedTuple):
    first: Scrape
    last: Scrape
    growing: frozenset[str] = frozenset()  # gauges that go on

    def began(self, series: str) -> float:
        """A count that was not there yet was 0."""
        absent = 0.0 if series in self.last.counted else self.last.values[series]
        return self.first.values.get(series, absent)

    def by_step(self, series: str) -> float:
        """How far a series goes on in a step."""
        goes_on = series in self.last.counted or series.partition("{")[0] in self.growing
        if not goes_on:
            return 0.0
        moved = self.last.values[series] - self.began(series)
        return moved / (self.last.at - self.first.at) * STEP_SECONDS if math.isfinite(moved) else 0.0


def scrape(targets: Iterable[tuple[str, str, int]]) -> Scrape:
    """What each (job, instance, port) tells now."""
    values: dict[str, float] = {}
    counted: set[str] = set()
    for job, instance, port in targets:
        own = {"job": job, "instance": instance}
        text = _told(port)
        values[_name("up", own)] = float(text is not None)
        for family in text_string_to_metric_families(text or ""):
            for sample in family.samples:
                series = _name(sample.name, sample.labels | own)
                values[series] = sample.value
                if family.type != "gauge":
                    counted.add(series)
    return Scrape(time.monotonic(), values, counted)


def _told(port: int) -> str | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return None


def _name(name: str, labels: Mapping[str, str]) -> str:
    return f"{name}{{{', '.join(f'{key}={json.dumps(value)}' for key, value in sorted(labels.items()))}}}"


def drawn_out(health: Stretch, fault: Stretch, wanted: set[str]) -> Iterator[dict[str, str]]:
    """The series of the metrics that are wanted, in promtool's notation."""
    for series in sorted(health.last.values.keys() | fault.last.values.keys()):
        if series.partition("{")[0] not in wanted:
            continue
        before = health.last.values.get(series)
        step = health.by_step(series)
        values = [_drawn(before, step, HEALTHY)]
        during = fault.last.values.get(series)
        if during is None:
            values.append(f"stale _x{FAULTY}")
        else:
            # The draft of health has gone on beyond what was scraped, and the fault goes on from there.
            ahead = step * HEALTHY if before is not None and during >= before else 0.0
            jump = fault.began(series) + ahead
            values.append(_drawn(jump, fault.by_step(series), FAULTY))
        yield {"series": series, "values": " ".join(values)}


def _drawn(start: float | None, step: float, steps: int) -> str:
    if start is None or math.isnan(start):
        return f"_x{steps + 1}"
    if math.isinf(start):
        return f"Inf+0x{steps}"
    return f"{start:.9f}{step:+.9f}x{steps}"


def verdict(
    health: Stretch, fault: Stretch, wanted: set[str], fires: set[str], directory: Path, perhaps: str = ""
) -> str:
    """Empty when no rule fires in health, and just those of that name under the fault; else what did.
    The one that fires `perhaps` is not looked at.
    """
    end = (HEALTHY + 1) * STEP_SECONDS
    tests = [
        _test(FIRED.format(perhaps, end - STEP_SECONDS), end - STEP_SECONDS, set()),
        _test(FIRED.format(perhaps, FAULTY * STEP_SECONDS), end + FAULTY * STEP_SECONDS, fires),
    ]
    document: dict[str, Any] = {
        "rule_files": [str(RULES)],
        "evaluation_interval": f"{STEP_SECONDS}s",
        "tests": [
            {
                "interval": f"{STEP_SECONDS}s",
                "input_series": list(drawn_out(health, fault, wanted)),
                "promql_expr_test": tests,
            }
        ],
    }
    file = directory / "alerts.json"  # JSON is YAML
    file.write_text(json.dumps(document, indent=1))
    done = subprocess.run([str(PROMTOOL), "test", "rules", str(file)], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _test(expression: str, at: int, fires: set[str]) -> dict[str, Any]:
    samples = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(fires)]
    return {"expr": expression, "eval_time": f"{at}s", "exp_samples": samples}
