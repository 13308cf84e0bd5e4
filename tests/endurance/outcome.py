"""What a run saw, as a document and as text."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from config.loadtest.figures import Failure, Figures
from config.loadtest.sending import NO_ANSWER
from tests.endurance.kills import Kill, Phase
from tests.endurance.memory import (
    FLAT_EACH_MB,
    FLAT_EACH_SHARE,
    FLAT_MB_PER_HOUR,
    FLAT_SHARE_PER_HOUR,
    GROWS,
    PILED_PER_HOUR,
    SHORT,
    Passing,
    Trend,
)

RULE: Final = (
    f"more than {FLAT_MB_PER_HOUR:.0f} MB and {FLAT_SHARE_PER_HOUR:.0%} an hour in the second half of its"
    f" longest life, nor what comes and goes by {FLAT_EACH_MB:.0f} MB and {FLAT_EACH_SHARE:.0%} each"
    f" from half to half, nor by {PILED_PER_HOUR:.0f} at once an hour"
)


def _grown(trend: Trend) -> str:
    told = [f"{trend.mb_per_hour:+.1f} MB an hour"] if trend.rises else []
    if trend.passing and trend.passing.swell:
        told.append(f"each {trend.passing.each_before:.1f}, then {trend.passing.each_after:.1f} MB")
    if trend.passing and trend.passing.pile_up:
        told.append(f"{trend.passing.number_per_hour:+.1f} at once an hour")
    return f"{trend.name} ({', '.join(told)})"


def _come_and_go(passing: Passing) -> str:
    seconds, before, after, each_before, each_after, per_hour = passing
    return (
        f"processes come and go, the oldest after {seconds / 60:.1f} minutes; on average {before:.1f} at once"
        f" of {each_before:.1f} MB each in the first half, {after:.1f} of {each_after:.1f} in the second"
        f" ({per_hour:+.1f} at once an hour)"
    )


@dataclass(frozen=True)
class Outcome:
    """`counted` is what was answered to be kept, by its kind; `wrong` has a sentence for each difference.

    `failures` are those of the calls, and of the chores beside them.
    """

    seconds: float
    total: Figures
    phases: Sequence[Phase]
    failures: Sequence[Failure]
    kills: Sequence[Kill]
    memory: Sequence[Trend]
    counted: Counter[str]
    wrong: Sequence[str]

    @property
    def is_good(self) -> bool:
        return not self.wrong and all(self.counted.values())

    @property
    def growing(self) -> list[Trend]:
        return [trend for trend in self.memory if trend.verdict == GROWS]

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
            "failures": [failure._asdict() for failure in self.failures],
            "recovery_seconds": {kill.name: round(kill.well - kill.at, 1) for kill in self.kills},
            "memory_mb": [trend.document() for trend in self.memory],
            "counted": dict(self.counted),
            "wrong": list(self.wrong),
        }

    def text(self) -> str:
        return "\n".join((*self._calls(), *self._failures(), "", *self._memory(), "", *self._verdict()))

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

    def _failures(self) -> list[str]:
        return [
            f"- failed {each.calls} times, first after {each.first} s: {each.name}:"
            f" {'no answer' if each.status == NO_ANSWER else each.status} {each.why}"
            for each in self.failures
        ]

    def _memory(self) -> list[str]:
        lines = [
            f"{m.name:<13} {m.start:>7.1f} {m.middle:>7.1f} {m.end:>6.1f} {m.most:>6.1f} {m.shared:>7.1f}"
            f" {m.rss:>6.1f} {m.mb_per_hour:>+9.1f} {m.seconds / 60:>9.1f}   {m.verdict}"
            for m in self.memory
        ]
        title = "MB              start  middle    end   most  shared    RSS   an hour   minutes"
        passing = [f"{m.name}: {_come_and_go(m.passing)}" for m in self.memory if m.passing]
        return [title, *lines, *passing, self._memory_verdict()]

    def _memory_verdict(self) -> str:
        told = [trend for trend in self.memory if trend.verdict != SHORT]
        if not told:
            return "Memory: no process lived long enough to tell whether it grows."
        if not self.growing:
            return f"Memory is flat: none of {len(told)} that lived long enough to tell grew by {RULE}."
        return f"Memory grows: {', '.join(map(_grown, self.growing))}."

    def _verdict(self) -> list[str]:
        counted = ", ".join(f"{number:,} {kind}" for kind, number in self.counted.items())
        verdict = "each is there once, and all adds up." if self.is_good else "and this is wrong:"
        return [f"Answered to be kept: {counted}; {verdict}", *(f"- {said}" for said in self.wrong)]
