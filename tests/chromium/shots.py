"""`make shots`: every console page of a running demo as a picture: light, dark and as wide as a phone."""

import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.chromium.driving import PHONE, WIDE, chromium, follow, sign_in
from tests.console_pages import ONES, PAGES, name_of
from tests.servers.onebox import ROOT, OneBox

SHOTS: Final = ROOT / "var/shots"
LOOKS: Final[dict[str, dict[str, Any]]] = {
    "light": {"viewport": WIDE, "color_scheme": "light"},
    "dark": {"viewport": WIDE, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light", "device_scale_factor": 2},
}


def take(page: Any, look: str) -> int:
    """All pages in one look; how many."""
    taken = 0
    for path in PAGES:
        page.goto(f"/console{path}")
        page.screenshot(path=SHOTS / f"{name_of(path)}-{look}.png", full_page=True)
        taken += 1
    for name, (listed, begins) in ONES.items():
        page.goto(f"/console{listed}")
        if follow(page, begins):
            page.screenshot(path=SHOTS / f"{name}-{look}.png", full_page=True)
            taken += 1
    return taken


def main() -> None:
    shutil.rmtree(SHOTS, ignore_errors=True)
    SHOTS.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="sky-shots-") as folder, chromium() as browser:
        box = OneBox(Path(folder)).start()
        try:
            for look, options in LOOKS.items():
                page = browser.new_context(base_url=box.base, **options).new_page()
                sign_in(page)
                print(f"{take(page, look)} pages in {look}", flush=True)
        finally:
            box.end()
    print(f"They are in {SHOTS.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
