"""Fixtures of the inventory's tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient


@pytest.fixture
def api(client_for: Callable[..., APIClient], key: Callable[..., str]) -> Any:
    """A client of acme that reads and writes."""
    return client_for(key("write"))


@pytest.fixture(autouse=True)
def files_of_their_own(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"
