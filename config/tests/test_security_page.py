"""Every test that a page of promises names exists, and each of its claims names one."""

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
TEST = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


@pytest.mark.parametrize(
    ("page", "claim", "least"),
    [("security.md", r"\| (?:API\d|v5)", 35), ("load-and-faults.md", r"\| \d+ \|", 20)],
)
def test_each_claim_names_tests_that_exist(page: str, claim: str, least: int) -> None:
    claims = [line for line in (ROOT / "docs" / page).read_text().splitlines() if re.match(claim, line)]
    assert len(claims) >= least
    for line in claims:
        named = TEST.findall(line)
        assert named, line
        for path, name in named:
            assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.M), f"{path}::{name}"
