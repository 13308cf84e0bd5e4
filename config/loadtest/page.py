"""The report: one HTML file that needs nothing from anywhere."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from django.template import Context, Engine

from config.loadtest.figures import Fairness, Figures

WIDTH: Final = 900
HEIGHT: Final = 220
TEMPLATE: Final = Path(__file__).with_name("report.html")


def line(values: Sequence[float], highest: float) -> str:
    """The points of a polyline, as SVG has them: y grows downwards."""
    step = WIDTH / max(1, len(values) - 1)
    scale = HEIGHT / (highest or 1)
    return " ".join(f"{n * step:.1f},{HEIGHT - value * scale:.1f}" for n, value in enumerate(values))


def page(
    *,
    asked: dict[str, Any],
    total: Figures,
    calls: Sequence[Figures],
    seconds: Sequence[Figures],
    fairness: Fairness | None,
) -> str:
    slowest = max((each.p99 for each in seconds), default=0.0)
    busiest = max((each.rate for each in seconds), default=0.0)
    pictures = [
        {
            "title": "Milliseconds of each second's calls",
            "highest": f"{slowest:g} ms",
            "lines": [
                {"name": name, "points": line([getattr(each, name) for each in seconds], slowest)}
                for name in ("p50", "p95", "p99")
            ],
        },
        {
            "title": "Calls a second",
            "highest": f"{busiest:g}/s",
            "lines": [{"name": "rate", "points": line([each.rate for each in seconds], busiest)}],
        },
    ]
    context = {
        "asked": asked, "rows": [*calls, total], "pictures": pictures, "fairness": fairness,
        "width": WIDTH, "height": HEIGHT,
    }  # fmt: skip
    return Engine().from_string(TEMPLATE.read_text()).render(Context(context))
