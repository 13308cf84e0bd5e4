"""The stack's settings: .env.example, filled in once with secrets of its own."""

import os
import re
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.local.picture import ROOT, Picture

LINE: Final = re.compile(r"^(\w+)=(.*)$", re.MULTILINE)
SECRETS: Final = (
    "SECRET_KEY",
    "API_KEY_PEPPER",
    "JWT_SECRET_KEY",
    "WEBHOOK_SECRET_KEY",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "MASTER_TOKEN",
)
TENANT: Final = "demo"


def kept(file: Path) -> dict[str, str]:
    """The settings as they stand in a file, which is made when it is not there; it is its user's to edit."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(_filled((ROOT / ".env.example").read_text()))
    return dict(LINE.findall(file.read_text()))


def local(given: Mapping[str, str], picture: Picture) -> dict[str, str]:
    """What the processes get: the settings with this machine's addresses, over plain HTTP on loopback."""
    base = f"http://localhost:{picture.port('nginx', '8000')}"
    own = {
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "CSRF_TRUSTED_ORIGINS": base,
        "PUBLIC_URL": base,
        "TRUSTED_PROXIES": "127.0.0.1",
        "SECURE_SSL_REDIRECT": "false",
        "VAR_DIR": str(picture.folder("app")),
        "PATH": os.environ.get("PATH", os.defpath),
    }
    return {name: picture.here(value) for name, value in given.items()} | own


def shell(environment: Mapping[str, str]) -> str:
    """Lines that a shell reads."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())


def _filled(text: str) -> str:
    made = {name: secrets.token_urlsafe(48) for name in SECRETS}
    made["API_KEYS"] = f"{secrets.token_urlsafe(32)}:{TENANT}:admin"
    for name, value in made.items():
        text = re.sub(rf"^{name}=$", f"{name}={value}", text, flags=re.MULTILINE)
    text = text.replace("skyledger:PASSWORD@", f"skyledger:{made['POSTGRES_PASSWORD']}@")
    return text.replace(":PASSWORD@", f":{made['REDIS_PASSWORD']}@")
