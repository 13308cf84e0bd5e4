"""A backup: one archive with the database, the kept files, and this machine's own secrets."""

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from config.dumps import BackupFailed, Digests, Postgres, SQLite

DATABASE: Final = "database"
MANIFEST: Final = "manifest.json"
FILES: Final = "files"
SECRETS: Final = "*.secret"  # of the embedded mode; without them what is encrypted stays closed


@dataclass(frozen=True)
class Installation:
    """What is backed up, and where it is restored to."""

    database: SQLite | Postgres
    var: Path
    version: str


def backup(place: Installation, archive: Path) -> Digests:
    """Write the archive, readable by its owner alone, whole or not at all. Errors: BackupFailed.

    The database comes first: a file that is kept while it is copied is extra, none that it names is missing.
    """
    if archive.exists():
        raise BackupFailed(f"{archive} is there already.")
    archive.parent.mkdir(parents=True, exist_ok=True)
    with _scratch(archive.parent) as scratch:
        digests = place.database.save(scratch / DATABASE)
        kept = _kept(place.var)
        said = {
            "version": place.version,
            "made_at": datetime.now(UTC).isoformat(),
            "kind": place.database.kind,
            "tables": digests,
            "files": {name: _digest(path) for name, path in kept.items()},
        }
        (scratch / MANIFEST).write_text(json.dumps(said, indent=1))
        os.close(os.open(scratch / "whole", os.O_CREAT | os.O_EXCL, 0o600))
        with tarfile.open(scratch / "whole", "w") as tar:
            for name in (MANIFEST, DATABASE):
                tar.add(scratch / name, name)
            for name, path in kept.items():
                tar.add(path, name)
        os.rename(scratch / "whole", archive)
    return digests


def restore(place: Installation, archive: Path) -> Digests:
    """Put all of it into an empty installation, and compare every digest. Errors: BackupFailed.

    Local secrets take the place of those that a first start has made.
    """
    _require_empty(place)
    place.var.mkdir(parents=True, exist_ok=True)
    with _scratch(place.var) as scratch:
        said = _unpack(archive, scratch)
        if said["kind"] != place.database.kind:
            raise BackupFailed(f"The backup is of {said['kind']}, the database is {place.database.kind}.")
        for name, digest in said["files"].items():
            if _digest(scratch / name) != digest:
                raise BackupFailed(f"{name} is not what was backed up.")
        found = place.database.load(scratch / DATABASE)
        if found != said["tables"]:
            wrong = sorted(t for t in found | said["tables"] if found.get(t) != said["tables"].get(t))
            raise BackupFailed(f"These tables are not what was backed up: {', '.join(wrong)}.")
        for name in said["files"]:
            (place.var / name).parent.mkdir(parents=True, exist_ok=True)
            os.rename(scratch / name, place.var / name)
    return found


def _require_empty(place: Installation) -> None:
    if not place.database.is_empty():
        raise BackupFailed("The database holds tables already; restore into an empty one.")
    if there := next((place.var / FILES).rglob("*"), None):
        raise BackupFailed(f"{there} is there already; restore into an empty VAR_DIR.")


def _unpack(archive: Path, scratch: Path) -> dict[str, Any]:
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                _extract(tar, member, scratch)
        said: dict[str, Any] = json.loads((scratch / MANIFEST).read_text())
    except (OSError, tarfile.TarError, ValueError) as error:
        raise BackupFailed(f"{archive} is no backup that can be read: {error}") from error
    return said


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, scratch: Path) -> None:
    """A plain file below `scratch`, as all in a backup are. `extractall` refuses others only where Python has
    its filters, and Debian 12's has none."""
    path = scratch / member.name
    content = tar.extractfile(member) if member.isreg() else None
    if content is None or not path.resolve().is_relative_to(scratch.resolve()):
        raise tarfile.TarError(f"{member.name} is no file of a backup")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        path.chmod(member.mode & 0o644 | 0o600)
        shutil.copyfileobj(content, file)


def _kept(var: Path) -> dict[str, Path]:
    """Name in the archive → file."""
    paths = [path for path in (var / FILES).rglob("*") if path.is_file()]
    return {str(path.relative_to(var)): path for path in sorted([*paths, *var.glob(SECRETS)])}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _scratch(beside: Path) -> Iterator[Path]:
    """On the same disk as what becomes of it, so that a rename is enough."""
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=beside) as folder:
        yield Path(folder)
