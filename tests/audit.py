"""`make audit`: known holes in what the locks bring, and secrets in the repository, its history included."""

import json
import re
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
# Of makers who gave their secrets a form that can be told from other text, ourselves among them.
SECRET: Final = re.compile(
    r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"
    r"|\bA(?:KIA|SIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[0-9A-Za-z]{36}\b|\bgithub_pat_\w{40,}|\bglpat-[\w\-]{20,}"
    r"|\b[sr]k_live_[0-9A-Za-z]{16,}|\bxox[abeprs]-[0-9A-Za-z\-]{10,}|\bAIza[\w\-]{35}"
    r"|\bnpm_[0-9A-Za-z]{36}\b|\bpypi-[\w\-]{50,}"
    r"|\beyJ[\w\-]{10,}\.eyJ[\w\-]{10,}\.[\w\-]{43,}"
    r"|\bwhsec_[0-9A-Za-z+/]{43}="
    r"|\bsky_[0-9A-Za-z]{12}_[0-9A-Za-z]{40}\b"
)


def secrets_in(lines: Iterable[str]) -> Iterator[str]:
    """What looks like a secret; of our own keys, only those whose checksum is right."""
    for line in lines:
        for match in SECRET.finditer(line):
            text = match.group()
            made_up = text.startswith("sky_") and f"{zlib.crc32(text[:-8].encode()):08x}" != text[-8:]
            if not made_up:
                yield text


def added_lines() -> Iterator[str]:
    """Each line that any commit added."""
    command = ["git", "log", "--all", "-p", "--unified=0", "--no-color", "--format="]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, errors="replace") as log:
        assert log.stdout is not None
        yield from (line for line in log.stdout if line.startswith("+"))
    if log.returncode:
        raise SystemExit("The history cannot be read: is this a git repository?")


def scan() -> bool:
    found = sorted(set(secrets_in(added_lines())))
    for text in found:
        print(f"A secret? {text[:12]}… (`git log --all -S'{text[:12]}'` says where)")
    print(f"secrets: {len(found)} in the history")
    return not found


def pins() -> list[set[str]]:
    """What each lock pins and none before it: two locks may pin a package differently, one may not."""
    known: set[str] = set()
    parts = []
    for lock in sorted(ROOT.glob("requirements*.txt")):
        part = set(re.findall(r"^\S+==[^\\\n]+", lock.read_text(), re.M)) - known
        known |= part
        parts += [part] if part else []
    return parts


def ask(part: set[str]) -> list[dict[str, Any]]:
    """What PyPI says of each package. Errors: ValueError when nobody answers."""
    command = [str(Path(sys.executable).parent / "pip-audit"), "--format=json", "--progress-spinner=off"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(sorted(part)))
        file.flush()
        command += ["--disable-pip", "--no-deps", f"--requirement={file.name}"]
        run = subprocess.run(command, capture_output=True, text=True)
    try:
        answer: list[dict[str, Any]] = json.loads(run.stdout)["dependencies"]
    except ValueError as error:
        raise ValueError(run.stderr.strip()[-300:]) from error
    return answer


def dependencies() -> bool:
    """Whether nothing is known to be wrong; whoever is offline is told so, and not that all is well."""
    try:
        return tell([one for part in pins() for one in ask(part)])
    except ValueError as error:
        print(f"dependencies: NOT AUDITED: {error}")
        return True


def tell(answer: list[dict[str, Any]]) -> bool:
    """Say what pip-audit found; whether nothing is known to be wrong."""
    holes = [(one["name"], one["version"], hole) for one in answer for hole in one.get("vulns", ())]
    for name, version, hole in holes:
        print(
            f"{name} {version}: {hole['id']}, fixed in {', '.join(hole['fix_versions']) or 'no version yet'}"
        )
    asked = [one for one in answer if "skip_reason" not in one]
    print(f"dependencies: {len(holes)} known holes in {len(asked)} packages")
    if len(asked) < len(answer):
        print(f"dependencies: NOT AUDITED: {len(answer) - len(asked)} packages, unknown to the index")
    return not holes


def main() -> None:
    passed = [scan(), dependencies()]
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
