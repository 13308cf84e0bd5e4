"""`make shots`: every page of a running demo as a picture: light, dark and as wide as a phone."""

import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.chromium.driving import LOOKS, STAFF, chromium, reach, sign_in, visit
from tests.console_pages import BESIDE, DOORS, FORMS, ONES, PAGES, name_of
from tests.servers.onebox import ROOT, OneBox

SHOTS: Final = ROOT / "var/shots"
LISTS: Final = ("/admin/usage/usageevent/", "/admin/builds/build/", "/admin/inventory/costline/")


class Shooting:
    """Pictures in one look."""

    def __init__(self, page: Any, look: str) -> None:
        self.page, self.look, self.taken = page, look, 0

    def take(self, name: str) -> None:
        self.page.screenshot(path=SHOTS / f"{name}-{self.look}.png", full_page=True)
        self.taken += 1

    def take_at(self, path: str) -> None:
        visit(self.page, path)
        self.take(name_of(path.removeprefix("/console")))

    def take_all(self) -> None:
        for path in DOORS:
            self.take_at(path)
        sign_in(self.page)
        for path in (*PAGES, *FORMS):
            self.take_at(f"/console{path}")
        for name, steps in ONES.items():
            if reach(self.page, *steps):
                self.take(name)
        for path in BESIDE:
            self.take_at(path)
        self.page.context.clear_cookies()
        sign_in(self.page, **STAFF)
        for path in ("/admin/", *LISTS):
            self.take_at(path)


def main() -> None:
    shutil.rmtree(SHOTS, ignore_errors=True)
    SHOTS.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="sky-shots-") as folder, chromium() as browser:
        box = OneBox(Path(folder)).start()
        try:
            for look, options in LOOKS.items():
                shooting = Shooting(browser.new_context(base_url=box.base, **options).new_page(), look)
                shooting.take_all()
                print(f"{shooting.taken} pages in {look}", flush=True)
        finally:
            box.end()
    print(f"They are in {SHOTS.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
