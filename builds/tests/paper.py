"""A build as one would keep it on paper, by the rules as they are told to users. The real one must agree."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

RETRIES: Final = 3
FRESH: Final = timedelta(seconds=360)
LOST: Final = timedelta(seconds=900)
GRACE: Final = timedelta(minutes=10)
OVER: Final = ("completed", "failed", "cancelled")


class Refused(Exception):
    """With the code of the rule."""


@dataclass
class Paper:
    now: datetime
    code: int = 0
    status: str = "pending"
    attempt: int = 1
    done: bool = False
    message: str = ""
    lost: bool = False
    retryable: bool = True
    owner: str = ""
    attempts: dict[int, int] = field(default_factory=lambda: {0: 1})
    writers: set[str] = field(default_factory=set)
    written: datetime | None = None
    occurred: datetime | None = None
    beat: datetime | None = None
    asked_to_stop: datetime | None = None
    resume: tuple[int, str] | None = None
    lost_resume: tuple[int, str] | None = None
    rows: int = 1
    notes: set[tuple[object, ...]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.written = self.occurred = self.now

    def report(
        self, code: int, said: str | None, message: str | None, run: str, occurred: datetime | None
    ) -> bool:
        """Does it change anything?"""
        means = said or ("completed" if code == 100 else "open")
        means = "open" if means in ("pending", "in_progress") else means
        if occurred and self.occurred and occurred < self.occurred and code <= self.code:
            self._note(code, means, run, occurred)
            return False
        if self._was_told(code, said, means, message, run):
            return False
        self._guard(run)
        before = self._standing()
        if self.status == "failed" and means == "failed" and code == self.code:
            self.lost = False
        else:
            self._take(code, said, means, run)
        self._write(message, run, occurred)
        if occurred:  # told again later, it is no news
            status = "completed" if self.done and self._standing() != before else self.status
            self.notes |= {(code, status, who, occurred) for who in (self.owner, "")}
        return True

    def _standing(self) -> tuple[object, ...]:
        return self.code, self.attempt, self.status, self.done

    def _take(self, code: int, said: str | None, means: str, run: str) -> None:
        if self.status == "failed":
            self._come_back(code, means, run)
        if self.status == "failed":
            self._enter(code)
            self.done = means == "completed"
        else:
            self._go_on(code, said, means)

    def fail(self, message: str, retryable: bool, run: str, again: bool) -> bool:
        """`again`: this very failure of this attempt is known."""
        if self.status == "failed" and again and run in ("", self.owner):
            return False
        self._guard(run)
        if self.status != "failed":
            self._end("failed")
        self.lost, self.retryable = False, retryable
        self._write(message, run, None)
        return True

    def heartbeat(self, run: str) -> None:
        self._guard(run)
        if self.status == "failed" and not (self.lost and run in ("", self.owner)):
            raise Refused("resume_required")
        if self.status == "failed":
            self._revive()
            self._write(None, run, None)
        self.owner = run or self.owner
        self.beat = self.written = self.now

    def cancel(self, force: bool) -> bool:
        if self.status in OVER:
            raise Refused("build_terminal")
        if force or self.status == "pending":
            self._end("cancelled")
        elif self.asked_to_stop:
            return False
        else:
            self.asked_to_stop = self.now
        self._write(None, "", None)
        return True

    def take_up(self, code: int, run: str) -> bool:
        if self.resume is not None and run and self.resume == (code, run):
            return False
        if self.resume is not None:
            raise Refused("resume_in_progress")
        if self.status not in ("failed", "cancelled") or code > self.code or code == 100:
            raise Refused("not_resumable")
        self._enter(code)
        self.resume, self.owner, self.asked_to_stop = (code, run), run, None
        self._write("", run, None)
        self.beat = None
        return True

    def sweep(self) -> None:
        if self.status in OVER:
            return
        if self.asked_to_stop and self.now - self.asked_to_stop >= GRACE:
            self._end("cancelled")
            self._write(None, "", None)
        elif self.beat and self.now - self.beat >= LOST:
            kept = self.resume
            self._end("failed")
            self.lost, self.lost_resume = True, kept
            self._write("No heartbeat came for 900 seconds.", "", None)

    def _was_told(self, code: int, said: str | None, means: str, message: str | None, run: str) -> bool:
        if code != self.code or run not in ("", self.owner) or message not in (None, self.message):
            return False
        if self.status in OVER:
            return means == self.status
        return self.done if means == "completed" else means == "open" and not (self.done and said)

    def _guard(self, run: str) -> None:
        if self.status in ("completed", "cancelled"):
            raise Refused("build_terminal")
        if run in ("", self.owner):
            return
        assert self.written is not None
        owned = self.status != "failed" and self.owner and self.now - self.written < FRESH
        if run in self.writers or owned:
            raise Refused("run_superseded")

    def _come_back(self, code: int, means: str, run: str) -> None:
        """After a failure: revived, or a retry, or refused."""
        if means == "cancelled":
            raise Refused("build_terminal")
        if self.lost and run in ("", self.owner):
            self._check(code, None, means)
            self._revive()
        elif code != self.code or not self.retryable:
            raise Refused("resume_required")
        elif self.attempt > RETRIES:
            raise Refused("retries_exhausted")

    def _check(self, code: int, said: str | None, means: str) -> None:
        if code < self.code:
            raise Refused("state_regression")
        if code == 100 and means != "completed":
            raise Refused("incomplete_build")
        if code > self.code and means == "cancelled":
            raise Refused("state_conflict")
        if code == self.code and self.done and said and means == "open":
            raise Refused("state_regression")

    def _go_on(self, code: int, said: str | None, means: str) -> None:
        self._check(code, said, means)
        if code > self.code:
            self._enter(code)
        if means == "failed" or means == "cancelled" or code == 100:
            self._end("completed" if code == 100 else means)
        elif means == "completed":
            self.done = True

    def _enter(self, code: int) -> None:
        self.code, self.done, self.message, self.lost = code, False, "", False
        self.attempt = self.attempts[code] = self.attempts.get(code, 0) + 1
        self.status = "in_progress" if code else "pending"

    def _end(self, status: str) -> None:
        self.status, self.done = status, status == "completed"
        self.lost, self.retryable, self.resume = False, True, None
        if status != "cancelled":
            self.asked_to_stop = None

    def _revive(self) -> None:
        self.status, self.lost = ("in_progress" if self.code else "pending"), False
        self.resume = self.lost_resume

    def _write(self, message: str | None, run: str, occurred: datetime | None) -> None:
        self.message = self.message if message is None else message
        self.owner = run or self.owner
        self.writers.add(self.owner)
        self.written, self.occurred = self.now, occurred or self.now
        self.beat = self.beat and self.now
        self.rows += 1

    def _note(self, code: int, means: str, run: str, occurred: datetime) -> None:
        """A late report is written down once."""
        status = means if means != "open" else ("in_progress" if code else "pending")
        if (code, status, run, occurred) not in self.notes:
            self.notes.add((code, status, run, occurred))
            self.writers.add(run)
            self.rows += 1
