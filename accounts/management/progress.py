"""A bar on a terminal."""

from typing import Final

from django.core.management.base import OutputWrapper

WIDTH: Final = 30


class Bar:
    """Writes nothing where nobody watches."""

    def __init__(self, out: OutputWrapper, label: str, total: int) -> None:
        self.out, self.label, self.total, self.done = out, label, total, 0

    def step(self) -> None:
        self.to(self.done + 1)

    def to(self, done: int) -> None:
        self.done = done
        self.total = max(self.total, self.done)
        if self.out.isatty():
            bar = "#" * (WIDTH * self.done // self.total)
            self.out.write(f"\r{self.label} [{bar:<{WIDTH}}] {self.done}/{self.total}", ending="")

    def close(self) -> None:
        if self.done and self.out.isatty():
            self.out.write("")
