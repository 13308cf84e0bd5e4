"""Every test that docs/security.md names exists, and each of its claims names one."""

import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
CLAIM = re.compile(r"\| (?:API\d|v5)")
TEST = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def test_each_claim_names_tests_that_exist() -> None:
    claims = [line for line in (ROOT / "docs/security.md").read_text().splitlines() if CLAIM.match(line)]
    assert len(claims) >= 35
    for claim in claims:
        named = TEST.findall(claim)
        assert named, claim
        for path, name in named:
            assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.M), f"{path}::{name}"
