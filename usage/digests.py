"""Digests that show when what was closed is changed."""

import hashlib
import json
from typing import Any


def digest_of(content: Any) -> str:
    """SHA-256 over canonical JSON: sorted keys, no spaces, UTF-8. Numbers that matter are texts in it."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
