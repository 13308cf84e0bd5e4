"""Where settings come from: the environment, `NAME_FILE` for secrets, and `.env` beside manage.py."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR: Final = Path(__file__).resolve().parents[2]
env = environ.FileAwareEnv()
if env.str("ENVIRONMENT", default="") != "test":  # a developer's own settings are not the tests'
    environ.Env.read_env(str(BASE_DIR / ".env"), overwrite=False)

VAR_DIR: Final = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))


def _environment() -> str:
    # PRODUCTION=true is how the older production service said it.
    name: str = env.str("ENVIRONMENT", default="").lower()
    if env.bool("PRODUCTION", default=False):
        name = name or "production"
    name = name or "production"
    if name not in {"production", "staging", "development", "test"}:
        raise ImproperlyConfigured(
            f"ENVIRONMENT is {name!r}; it must be production, staging, development or test."
        )
    return name


ENVIRONMENT: Final = _environment()
STRICT: Final = ENVIRONMENT in {"production", "staging"}


def local_secret(name: str) -> str:
    """A random secret kept in `var/`, so that sign-ins survive a restart on a developer's machine."""
    VAR_DIR.mkdir(parents=True, exist_ok=True)
    path = VAR_DIR / f"{name}.secret"
    if not path.exists():
        # Linked whole into its place, so that a process starting beside us never reads half of it.
        with tempfile.NamedTemporaryFile("w", dir=VAR_DIR) as draft, suppress(FileExistsError):
            draft.write(secrets.token_urlsafe(48))
            draft.flush()
            os.link(draft.name, path)
    return path.read_text()
