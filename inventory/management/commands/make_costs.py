"""Bills to try things with."""

import csv
import gzip
import io
import json
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from accounts.management.base import PlainCommand
from inventory.generator import HEADER, Bills
from inventory.planted import COLUMNS, PlantedFleet


class Command(PlainCommand):
    help = (
        "Write bills made from a seed as a FOCUS 1.2 file: three providers, two currencies, a commitment,\n"
        "credits, tax, untagged resources, and planted anomalies. The same options make the same bytes.\n"
        "--inventory writes a file of resources with utilisation and planted waste, and bills them, too.\n\n"
        "Examples:\n"
        "  manage.py make_costs costs.csv\n"
        "  manage.py make_costs costs.csv.gz --truth truth.json --months 24 --resources 500\n"
        "  manage.py make_costs march.csv --start 2026-03 --months 1 --seed 7 --json\n"
        "  manage.py make_costs costs.csv --inventory resources.csv --planted 2000 --truth truth.json\n"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a CSV file; with .gz behind it is compressed")
        parser.add_argument("--truth", type=Path, metavar="FILE", help="write there what is planted")
        parser.add_argument("--seed", type=int, default=1, help="default: 1")
        parser.add_argument("--start", default="2025-01", metavar="MONTH", help="default: 2025-01")
        parser.add_argument("--months", type=int, default=13, help="default: 13")
        parser.add_argument("--resources", type=int, default=42, help="rows of each day; default: 42")
        parser.add_argument("--inventory", type=Path, metavar="FILE", help="write planted resources there")
        parser.add_argument("--planted", type=int, default=1000, help="how many of them; default: 1000")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            start = date.fromisoformat(f"{options['start']}-01")
        except ValueError as error:
            raise CommandError("--start is a month such as 2025-01.") from error
        if not (1 <= options["months"] <= 240 and options["resources"] >= 1):
            raise CommandError("Give 1 to 240 months and at least one resource.")
        bills = Bills(
            seed=options["seed"], start=start, months=options["months"], resources=options["resources"]
        )
        fleet = PlantedFleet(seed=options["seed"], today=bills.end, resources=options["planted"])
        truth = bills.truth()
        rows = bills.rows()
        if options["inventory"]:
            truth["waste"] = fleet.truth
            rows = chain(rows, fleet.lines(bills.start))
        try:
            told = _write(options["file"], HEADER, rows)
            if options["inventory"]:
                _write(options["inventory"], COLUMNS, fleet.table())
            if options["truth"]:
                options["truth"].write_text(json.dumps(truth, indent=1) + "\n")
        except OSError as error:
            raise CommandError(str(error)) from error
        said = {"file": str(options["file"]), "rows": told, "anomalies": len(bills.anomalies)}
        words = f"{told} rows and {said['anomalies']} anomalies in {said['file']}"
        self.stdout.write(json.dumps(said) if options["json"] else words)


def _write(path: Path, header: Sequence[str], lines: Iterable[Sequence[str]]) -> int:
    rows = 0
    with ExitStack() as stack:
        raw: Any = stack.enter_context(path.open("wb"))
        if path.suffix == ".gz":
            raw = stack.enter_context(gzip.GzipFile("", "wb", fileobj=raw, mtime=0))
        text = stack.enter_context(io.TextIOWrapper(raw, newline=""))
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        for row in lines:
            writer.writerow(row)
            rows += 1
    return rows
