"""Fixtures of the accounts' tests."""

from typing import Any

import pytest


@pytest.fixture
def committed(django_capture_on_commit_callbacks: Any) -> Any:
    """`with committed(execute=True):` does at its end what waits for a commit, which a test never makes."""
    return django_capture_on_commit_callbacks
