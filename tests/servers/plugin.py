"""Two ways to run the tests; loaded by `-p`, so that the settings are read after it.

Full, the default: PostgreSQL and Redis, those of DATABASE_URL and REDIS_URL if set, else our own. There no
test marked `full` may be skipped or left out, except where somebody picks tests by `-k` and the like.
Embedded (`SKYLEDGER_TESTS=embedded`): SQLite without Redis, and only what may differ there. Without the tests
marked `full`, those that touch no database, and files named for a page, the admin or the back office, which
show what services and queries give: these have tests of their own. Of a test with a table of cases it takes
the first, as the others ask the database the same. A test marked `every_case` runs with all, also of a page.
"""

import gc
import os
import re
from collections import defaultdict
from collections.abc import Generator, Iterable, Sequence
from typing import Any, Final

import pytest

from tests.servers.backends import WORKER, Backends
from tests.servers.process import ServerError

MODE: Final = os.environ.get("SKYLEDGER_TESTS") or "full"
DATABASE_FIXTURES: Final = {"db", "transactional_db", "live_server"}
SHOWING: Final = re.compile(r"test_\w*(page|admin|back_office)\w*\.py")
PICKING: Final = ("keyword", "lf", "stepwise", "deselect")

backends = Backends()
missed: set[str] = set()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, Any, Any]:
    """A wrapper comes before pytest-django's own hook, which reads the settings."""
    gc.disable()  # what is imported and collected stays, and looking for garbage in it takes a seventh longer
    options = early_config.known_args_namespace
    if not (options.help or options.version):
        if MODE not in {"full", "embedded"}:
            raise pytest.UsageError("SKYLEDGER_TESTS must be full or embedded.")
        try:
            backends.prepare(embedded=MODE == "embedded")
        except ServerError as error:
            raise pytest.UsageError(str(error)) from error
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Nor is it looked through during the tests, and what they leave behind less often than is usual."""
    gc.disable()  # Django's setup has enabled it
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 20, 10)
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if MODE == "embedded":
        differing = [item for item in items if not _is_full(item) and _may_differ(item)]
        chosen = {case for cases in _tables(differing) for case in _asking(cases)}
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = [item for item in items if item in chosen]


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    if items and not any(items[0].config.getoption(name, None) for name in PICKING):
        missed.update(item.nodeid for item in items if _is_full(item))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A whole file that is skipped may hold `full` tests."""
    if report.skipped:
        missed.add(report.nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and "full" in report.keywords and not hasattr(report, "wasxfail"):
        missed.add(report.nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a worker of xdist left out."""
    missed.update(getattr(node, "workeroutput", {}).get("missed", ()))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if WORKER:
        session.config.workeroutput["missed"] = sorted(missed)  # type: ignore[attr-defined]
    elif MODE == "full" and missed and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """The last lines: what did not run, and which servers the rest really ran on."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    failed = reporter is not None and bool(reporter.stats.get("failed") or reporter.stats.get("error"))
    backends.close(keep_logs=failed)
    if WORKER or reporter is None or not backends.used:
        return
    if MODE == "full" and missed:
        reporter.write_line(
            f"FAILED: {len(missed)} tests marked full did not run: {', '.join(sorted(missed))}"
        )
    reporter.write_line(f"Tested on: {', '.join(backends.used)}")


def _is_full(item: pytest.Item) -> bool:
    return item.get_closest_marker("full") is not None


def _may_differ(item: pytest.Item) -> bool:
    """On another database, or without Redis."""
    if SHOWING.fullmatch(item.path.name) and item.get_closest_marker("every_case") is None:
        return False
    return item.get_closest_marker("django_db") is not None or not DATABASE_FIXTURES.isdisjoint(
        getattr(item, "fixturenames", ())
    )


def _tables(items: Iterable[pytest.Item]) -> Iterable[list[pytest.Item]]:
    """Each test's cases."""
    tables: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        tables[item.nodeid.partition("[")[0]].append(item)
    return tables.values()


def _asking(cases: list[pytest.Item]) -> list[pytest.Item]:
    """Those of them that ask the database something of their own."""
    return cases if cases[0].get_closest_marker("every_case") else cases[:1]
