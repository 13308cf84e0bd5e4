"""`python -m tests.endurance [--minutes 10] [--rate 20] [--no-kills] [--report FILE]`."""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Final

from deploy.local.picture import ROOT
from tests.endurance.run import Run

REPORT: Final = ROOT / "var" / "endurance.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="of load (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=20, help="calls a second (default: %(default)s)")
    parser.add_argument("--no-kills", action="store_true", help="only load, to watch the memory")
    parser.add_argument("--report", type=Path, default=REPORT, help="JSON (default: %(default)s)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sky-endurance-") as directory:
        run = Run(Path(directory), 60 * asked.minutes, asked.rate, kills=not asked.no_kills)
        outcome = run.whole()
    asked.report.parent.mkdir(parents=True, exist_ok=True)
    asked.report.write_text(json.dumps(outcome.document(), indent=1))
    print(outcome.text())
    print(f"The report is in {asked.report}.")
    sys.exit(not outcome.is_good or bool(outcome.growing))


if __name__ == "__main__":
    main()
