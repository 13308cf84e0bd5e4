"""How a large report of Gcore's is stored and given out: `python -m bench.gcore --rows 500000`.

Starts PostgreSQL (fsync on), Redis and a simulated Gcore of its own, in whose file every tenth row is of
another customer. Each part runs in a process of its own, whose peak of memory counts all that Django imports.
"""

import argparse
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

CLIENT: Final = "829449"
MEGABYTE: Final = 1024 * 1024
ROW: Final = "{client},SDG Test 2,{feature},Feature number {feature} of a usual length,{metric}.{metric:04d},{region},Region {region},{n},resource-{n}.cdn.example.net,GBM\r\n"  # noqa: E501
HEADER: Final = "Client ID,Company name,Feature ID,Feature name,Metric value,Region ID,Region name,Resource ID,Resource name,Unit name\r\n"  # noqa: E501


def main() -> None:
    from bench.stack import KEY, TENANT, Stack
    from bench.usage import in_django
    from gcore.simulator import PASSWORD, USERNAME, Simulator

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=500_000)
    options = parser.parse_args()
    stack = Stack()
    stack.start()
    try:
        with Simulator() as gcore:
            text = report_text(options.rows)
            gcore.state.set_knobs(file=text)
            print(f"a report of {options.rows:,} rows, {len(text) / MEGABYTE:.0f} MB", flush=True)
            stack.env |= {
                "GCORE_API_BASE": gcore.url,
                "GCORE_USERNAME": USERNAME,
                "GCORE_PASSWORD": PASSWORD,
                "REPORT_POLL_INTERVAL": "0.1",
            }
            for part in (f"store('{TENANT}')", f"csv('{KEY}')", f"xlsx('{KEY}')"):
                in_django(stack, f"from bench.gcore import *; {part}")
    finally:
        stack.stop()


def report_text(rows: int) -> str:
    return "".join((HEADER, *_lines(rows)))


def _lines(rows: int) -> Iterator[str]:
    for n in range(rows):
        client = CLIENT if n % 10 else "829517"
        yield ROW.format(client=client, feature=n % 40, metric=n % 9973, region=n % 7, n=n % 5003)


def store(slug: str) -> None:
    """A report from the request to its last row, fetched over HTTP."""
    from accounts.models import Tenant
    from accounts.principals import SYSTEM
    from gcore.models import ReportJob
    from gcore.services.report_steps import report_step
    from gcore.services.reports import Wanted, report_request
    from gcore.tests.reports import map_client

    tenant = Tenant.objects.get(slug=slug)
    map_client(tenant, CLIENT)
    wanted = Wanted(CLIENT, date(2026, 10, 1), date(2026, 10, 31))
    started = time.perf_counter()
    job = report_request(by=SYSTEM, tenant=tenant, product="cdn", wanted=wanted)
    while job.is_running:
        if not report_step(job_id=job.pk):
            time.sleep(0.05)
        job = ReportJob.objects.get(pk=job.pk)
    seconds = time.perf_counter() - started
    assert job.state == ReportJob.State.COMPLETED, job.error
    kept = f"{job.row_count:,} rows kept, {job.other_rows:,} of others left out"
    _tell(f"fetched, parsed, filtered and stored ({kept})", seconds, 60, 200)


def csv(key: str) -> None:
    first, seconds, size = _downloaded(key, "text/csv")
    _tell(f"CSV of {size / MEGABYTE:.0f} MB begins", first, 0.5, 200)
    print(f"  and is whole after {seconds:.1f} s", flush=True)


def xlsx(key: str) -> None:
    from gcore.report_files import XLSX

    _, seconds, size = _downloaded(key, XLSX)
    _tell(f"XLSX of {size / MEGABYTE:.0f} MB", seconds, 90, 250)


def _downloaded(key: str, accept: str) -> tuple[float, float, int]:
    """Seconds to the first part and to the last, and the bytes."""
    from django.test import Client

    from gcore.models import ReportJob

    client, path = Client(), f"/reports/gcore/{ReportJob.objects.get().pk}"
    headers: Any = {"X-API-Key": key, "Accept": accept, "Host": "localhost"}
    client.get("/reports", headers=headers)  # what is imported and connected once
    started = time.perf_counter()
    answer: Any = client.get(path, headers=headers)
    assert answer.status_code == 200, answer.content
    parts: Any = iter(answer.streaming_content)
    size = len(next(parts))
    first = time.perf_counter() - started
    size += sum(len(part) for part in parts)
    return first, time.perf_counter() - started, size


def _tell(what: str, seconds: float, goal: float, most: int) -> None:
    peak = _peak()
    verdict = "ok" if seconds <= goal and peak <= most else "TOO MUCH"
    told = f"{seconds:.2f} s  goal {goal} s, peak {peak:.0f} MB  goal {most} MB  {verdict}"
    print(f"{what}: {told}  (the process used {time.process_time():.0f} s)", flush=True)


def _peak() -> float:
    """Megabytes; what getrusage tells begins with those of the process that started this one."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
