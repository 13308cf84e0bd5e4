"""A bill with a bad row and odd columns, sent by a person: mapped, checked, confirmed, undone."""

import csv
import io
from typing import Any, Final

import pytest

ROWS: Final = (
    ("When", "Priced", "vendor", "What"),
    ("2025-01-10", "12.50", "hetzner", "CX22"),
    ("2025-01-11", "a lot", "hetzner", "CX22"),
    ("2025-01-12", "-2.50", "hetzner", "Refund"),
)
DROP: Final = """([zone, text, name]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, { type: "text/csv" }));
  for (const type of ["dragover", "drop"]) {
    zone.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data }));
  }
}"""


def bill(number: int) -> str:
    """The same lines of a different provider for each test: none is recognised as another's."""
    text = io.StringIO()
    csv.writer(text).writerows(
        tuple(cell.replace("hetzner", f"host-{number}") for cell in row) for row in ROWS
    )
    return text.getvalue()


def total(page: Any, provider: str) -> list[str]:
    page.goto(f"/console/costs?filter=provider+%3D+{provider}&first=2025-01-01&last=2025-01-31&group_by=")
    return [text.strip() for text in page.locator("tfoot td.num").all_inner_texts()[:1]]


def map_by_hand(page: Any) -> None:
    page.get_by_text("Still to be said").wait_for()
    page.get_by_label("When", exact=True).select_option("charge_start")
    page.get_by_label("Priced", exact=True).select_option("billed_cost")
    page.get_by_label("What", exact=True).select_option("service_name")
    page.get_by_text("How values are written").click()
    page.get_by_label("Currency").fill("EUR")
    page.get_by_role("button", name="Check the rows").click()


def go_through(page: Any, provider: str) -> None:
    """From the mapping on to a bill that counts, and back."""
    map_by_hand(page)
    page.get_by_role("heading", name="What is wrong with 1 row").wait_for()
    error = page.locator("#errors tbody tr")
    assert error.locator("td").all_inner_texts() == ["3", "Priced", "Give a decimal number."]
    assert total(page, provider) == []
    page.go_back()
    page.get_by_role("button", name="Let the 2 good rows count").click()
    page.get_by_text("counts now").wait_for()
    address = page.url
    assert total(page, provider) == ["10.00"]
    page.goto(address)
    page.get_by_text("Undo this import").click()
    page.get_by_role("button", name="Undo it").click()
    page.get_by_text("is undone").wait_for()
    assert total(page, provider) == []


def test_a_file_is_chosen_and_goes_all_the_way_and_back(opened: Any) -> None:
    page = opened()
    page.goto("/console/imports")
    file = {"name": "jan.csv", "mimeType": "text/csv", "buffer": bill(1).encode()}
    page.get_by_label("Choose a file").set_input_files(file)
    page.get_by_label("Costs").check()
    page.get_by_role("button", name="Send the file").click()
    go_through(page, "host-1")
    assert page.troubles == []


def test_a_file_is_dropped_and_the_same_is_recognised(opened: Any) -> None:
    page = opened()
    for _ in range(2):
        page.goto("/console/imports")
        zone = page.locator(".drop").element_handle()
        page.evaluate(DROP, [zone, bill(2), "dropped.csv"])
        page.get_by_role("button", name="Send the file").click()
        page.get_by_role("heading", name="dropped.csv").wait_for()
    page.get_by_text("The same file came before.").wait_for()
    assert page.troubles == []


def test_without_scripts_it_is_all_the_same(opened: Any) -> None:
    page = opened(java_script_enabled=False)
    page.goto("/console/imports")
    file = {"name": "plain.csv", "mimeType": "text/csv", "buffer": bill(3).encode()}
    page.get_by_label("Choose a file").set_input_files(file)
    page.get_by_role("button", name="Send the file").click()
    go_through(page, "host-3")


def test_what_is_no_table_is_said_beside_the_form(opened: Any) -> None:
    page = opened()
    page.goto("/console/imports")
    page.get_by_label("Choose a file").set_input_files(
        {"name": "a.csv", "mimeType": "text/csv", "buffer": b""}
    )
    page.get_by_role("button", name="Send the file").click()
    page.get_by_role("alert").wait_for()
    assert "The file is empty." in page.get_by_role("alert").inner_text()
    assert page.get_by_role("button", name="Send the file").is_enabled()


@pytest.mark.parametrize("keys", [["Tab"] * 40])
def test_a_file_is_sent_with_the_keyboard_alone(opened: Any, keys: list[str]) -> None:
    """Every control of the form is reached by Tab, in the order in which it stands."""
    page = opened()
    page.goto("/console/imports")
    reached = []
    for key in keys:
        page.keyboard.press(key)
        reached.append(
            page.evaluate("document.activeElement.name || document.activeElement.textContent.trim()")
        )
    form = [name for name in reached if name in {"file", "kind", "Who tells", "Send the file"}]
    assert form == ["file", "kind", "Who tells", "Send the file"]
