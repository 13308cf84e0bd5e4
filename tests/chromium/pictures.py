"""`make pictures`: what the README shows, taken from a running demo into docs/pictures."""

import io
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.chromium.driving import LOOKS, STAFF, chromium, reach, sign_in, visit
from tests.servers.onebox import ROOT, OneBox

PICTURES: Final = ROOT / "docs/pictures"
WIDE: Final = {"viewport": {"width": 1200, "height": 800}}
# The way to each page, and what of it stands at the top.
LIGHT: Final = {
    "overview": (("",), "h1"),
    "builds": (("/builds",), "h1"),
    "build": (("/builds/all", "/console/builds/"), "h1"),
    "costs": (("/costs",), "dl.figures"),
    "recommendations": (("/recommendations",), "dl.figures"),
}
DARK: Final = {"usage": (("/usage",), ".card:has(.chart)"), "forecast": (("/costs/forecast",), "dl.figures")}
COLORS: Final = 128


def save(page: Any, name: str) -> None:
    """With few colours, a third of the size."""
    from PIL import Image

    drawn = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    drawn.quantize(COLORS).save(PICTURES / f"{name}.png", optimize=True)


def take(browser: Any, base: str) -> None:
    page = browser.new_context(base_url=base, **(LOOKS["light"] | WIDE)).new_page()
    sign_in(page)
    session = page.context.storage_state()
    dark = browser.new_context(base_url=base, storage_state=session, **(LOOKS["dark"] | WIDE)).new_page()
    for looked_at, pictures in ((page, LIGHT), (dark, DARK)):
        for name, (steps, top) in pictures.items():
            reach(looked_at, *steps)
            looked_at.locator(top).first.evaluate("at => window.scrollTo(0, at.offsetTop - 24)")
            save(looked_at, name)
    phone = browser.new_context(base_url=base, storage_state=session, **LOOKS["phone"]).new_page()
    phone.goto("/console")
    save(phone, "phone")
    page.context.clear_cookies()
    sign_in(page, **STAFF)
    visit(page, "/admin/")
    save(page, "back-office")


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sky-pictures-") as folder, chromium() as browser:
        box = OneBox(Path(folder)).start()
        try:
            take(browser, box.base)
        finally:
            box.end()
    size = sum(file.stat().st_size for file in PICTURES.iterdir())
    print(f"{PICTURES.relative_to(ROOT)}: {size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
