"""How a large report of Gcore's is stored and given out: `python -m bench.gcore --rows 500000`.

Starts PostgreSQL (fsync on) and Redis of its own. Each part runs in a process of its own, whose peak of
memory counts Django and all that it imports.
"""

import argparse
import hashlib
import io
import resource
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

CLIENT: Final = "829449"
MEGABYTE: Final = 1024 * 1024
ROW: Final = "{client},SDG Test 2,{feature},Feature number {feature} of a usual length,{metric}.{metric:04d},{region},Region {region},{n},resource-{n}.cdn.example.net,GBM\r\n"  # noqa: E501
HEADER: Final = "Client ID,Company name,Feature ID,Feature name,Metric value,Region ID,Region name,Resource ID,Resource name,Unit name\r\n"  # noqa: E501


def main() -> None:
    from bench.stack import KEY, TENANT, Stack
    from bench.usage import in_django

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=500_000)
    options = parser.parse_args()
    stack = Stack()
    stack.start()
    try:
        for part in (f"prepare('{TENANT}', {options.rows})", "store()", f"csv('{KEY}')", f"xlsx('{KEY}')"):
            in_django(stack, f"from bench.gcore import *; {part}")
    finally:
        stack.stop()


def prepare(slug: str, rows: int) -> None:
    """A report whose file has been fetched, every tenth row another customer's."""
    from django.core.files.base import File

    from accounts.models import Tenant
    from gcore.models import ReportJob
    from gcore.tests.reports import map_client

    tenant = Tenant.objects.get(slug=slug)
    text = io.BytesIO("".join((HEADER, *_lines(rows))).encode())
    job = ReportJob(
        tenant=tenant,
        account=map_client(tenant, CLIENT).account,
        product="cdn",
        client_id=CLIENT,
        start_date=date(2026, 10, 1),
        end_date=date(2026, 10, 31),
        state=ReportJob.State.DOWNLOADING,
        deadline=datetime.now(UTC) + timedelta(hours=1),
        size=text.getbuffer().nbytes,
        sha256=hashlib.sha256(text.getbuffer()).hexdigest(),
    )
    job.raw.save(f"bench/{job.pk}.raw", File(text), save=False)
    job.save(force_insert=True)
    print(f"a report of {rows:,} rows, {job.size / MEGABYTE:.0f} MB", flush=True)


def _lines(rows: int) -> Iterator[str]:
    for n in range(rows):
        client = CLIENT if n % 10 else "829517"
        yield ROW.format(client=client, feature=n % 40, metric=n % 9973, region=n % 7, n=n % 5003)


def store() -> None:
    from gcore.models import ReportJob
    from gcore.services.report_steps import report_step

    job = ReportJob.objects.get()
    started = time.perf_counter()
    report_step(job_id=job.pk)
    seconds = time.perf_counter() - started
    job.refresh_from_db()
    assert job.state == ReportJob.State.COMPLETED, job.error
    _tell(f"parsed, filtered and stored ({job.row_count:,} rows kept)", seconds, 60, 200)


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
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    verdict = "ok" if seconds <= goal and peak <= most else "TOO MUCH"
    told = f"{seconds:.2f} s  goal {goal} s, peak {peak:.0f} MB  goal {most} MB  {verdict}"
    print(f"{what}: {told}  (the process used {time.process_time():.0f} s)", flush=True)


if __name__ == "__main__":
    main()
