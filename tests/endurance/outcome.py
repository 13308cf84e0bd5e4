"""What a run saw, as a document and as text."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from config.loadtest.figures import Figures
from tests.endurance.kills import Kill, Phase
from tests.endurance.memory import Trend


@dataclass(frozen=True)
class Outcome:
    """`counted` is what was answered to be kept, by its kind; `wrong` has a sentence for each difference."""

    seconds: float
    total: Figures
    phases: Sequence[Phase]
    kills: Sequence[Kill]
    memory: Sequence[Trend]
    counted: Counter[str]
    wrong: Sequence[str]

    @property
    def is_good(self) -> bool:
        return not self.wrong and all(self.counted.values())

    def document(self) -> dict[str, Any]:
        return {
            "seconds": round(self.seconds, 1),
            "total": self.total._asdict(),
            "phases": [
                {
                    "name": phase.name,
                    "start": round(phase.start, 1),
                    "error_percent": phase.error_percent,
                    "errors_for_seconds": round(phase.last_error, 1),
                    "calls": phase.calls._asdict(),
                }
                for phase in self.phases
            ],
            "recovery_seconds": {kill.name: round(kill.well - kill.at, 1) for kill in self.kills},
            "memory_mb": [trend.document() for trend in self.memory],
            "counted": dict(self.counted),
            "wrong": list(self.wrong),
        }

    def text(self) -> str:
        return "\n".join((*self._calls(), "", *self._memory(), "", *self._verdict()))

    def _calls(self) -> list[str]:
        lines = ["                        calls   errors         p50       p99   errors for   well after"]
        well = {f"{kill.name} killed": f"{kill.well - kill.at:6.1f} s" for kill in self.kills}
        for phase in self.phases:
            told = phase.calls
            lines.append(
                f"{phase.name:<20} {told.sent:>8} {told.errors:>5} {phase.error_percent:>5} % "
                f"{told.p50:>8} {told.p99:>8} ms {phase.last_error:>8.1f} s   {well.get(phase.name, ''):>10}"
            )
        return lines

    def _memory(self) -> list[str]:
        lines = ["MB (PSS)     start   warm    end   most    RSS   an hour   seconds of its longest life"]
        for m in self.memory:
            slope = "" if m.mb_per_hour is None else f"{m.mb_per_hour:+.1f}"
            lines.append(
                f"{m.name:<11} {m.start:>6.1f} {m.warm:>6.1f} {m.end:>6.1f} {m.most:>6.1f} {m.end_rss:>6.1f}"
                f" {slope:>9}   {m.seconds:.0f}"
            )
        return lines

    def _verdict(self) -> list[str]:
        counted = ", ".join(f"{number:,} {kind}" for kind, number in self.counted.items())
        verdict = "each is there once, and all adds up." if self.is_good else "and this is wrong:"
        return [f"Answered to be kept: {counted}; {verdict}", *(f"- {said}" for said in self.wrong)]
