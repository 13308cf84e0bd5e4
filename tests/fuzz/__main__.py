"""Calls every operation of docs/openapi.yaml as it allows and as it does not, on servers of its own.

Nothing may be answered with 5xx, or otherwise than the document says, and no stranger may get in. Short with
a fixed seed in `make test`; `make fuzz` sets FUZZ_SECONDS: long, in all phases, as each kind of caller.
FUZZ_SEED repeats a run.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from secrets import randbelow
from typing import Final

import requests

from tests.faults.programs import ROOT
from tests.fuzz.box import Box, box

SECONDS: Final = int(os.environ.get("FUZZ_SECONDS", "0"))
SEED: Final = os.environ.get("FUZZ_SEED") or (str(randbelow(10**6)) if SECONDS else "1")
CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "unsupported_method",
    "missing_required_header",
    "use_after_free",
    "strangers_get_nothing",
)
COMMON: Final = (
    *("--checks", ",".join(CHECKS), "--seed", SEED, "--workers", "1"),
    *("--continue-on-failure", "--request-timeout", "60", "--warnings", "off"),
)
SHORT: Final = ("--phases", "fuzzing", "--max-examples", "2", "--no-shrink")
CONFIG: Final = """
hooks = "tests.fuzz.hooks"
cache.enabled = false
auth.wfc.path = "{auth}"
"""


def passes(server: Box, caller: str, folder: Path, options: Sequence[str]) -> bool:
    """One run of schemathesis, whose own last lines say what failed and how to repeat it."""
    auth, known, config = (folder / name for name in ("auth.json", "known.json", "schemathesis.toml"))
    headers = server.callers[caller]
    fixed = [{"name": header, "value": value} for header, value in headers.items()]
    auth.write_text(json.dumps({"auth": [{"name": caller, "fixedHeaders": fixed}]}))
    known.write_text(json.dumps(server.known))
    config.write_text(CONFIG.format(auth=auth))
    started = time.monotonic()
    print(f"As {caller}, seed {SEED}", flush=True)
    command = [str(Path(sys.executable).parent / "st"), "--config-file", str(config), "run"]
    run = subprocess.run(
        [*command, "docs/openapi.yaml", "--url", server.web.url, *COMMON, *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "FUZZ_KNOWN": str(known)},
    )
    last = requests.get(f"{server.web.url}/api/v1/quota", headers=headers, timeout=60)
    print(
        f"{time.monotonic() - started:.0f} s; {caller} is answered {last.status_code} in the end", flush=True
    )
    return run.returncode == 0 and last.status_code == 200


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="sky-fuzz-") as name, box(Path(name)) as server:
        callers = list(server.callers) if SECONDS else ["key"]
        options = ("--max-time", str(max(1, SECONDS // len(callers)))) if SECONDS else SHORT
        # All of them, also when the first has failures.
        passed = [passes(server, caller, Path(name), options) for caller in callers]
        if not all(passed):
            print(server.web.log_tail())
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
