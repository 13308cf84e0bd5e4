"""The simulator beside the platform on a developer's machine."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gcore.simulator.server import Simulator
from gcore.simulator.state import PASSWORD, USERNAME

JOB_SECONDS: Final = 3.0


@contextmanager
def beside(file: Path) -> Iterator[Simulator]:
    """While it lasts `file` says where it is and how to sign in; its reports are there again next time."""
    with Simulator(store=file.with_suffix(".tasks.json")) as gcore:
        gcore.state.set_knobs(job_seconds=JOB_SECONDS)
        file.write_text(json.dumps({"base": gcore.url, "username": USERNAME, "password": PASSWORD}))
        try:
            yield gcore
        finally:
            file.unlink(missing_ok=True)
