"""Which column of a file is read as what: a choice for each column, and how values are written."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from django import forms

from inventory.layouts import REQUIRED, columns_of, layout_of, suggestions
from inventory.models import Import
from inventory.queries.samples import import_samples

MOST: Final = 200  # columns of a file that are shown; the others are read as before
CHOICE: Final = "column-{}"
DATE_ORDERS: Final = [
    ("", "As the file tells"), ("mdy", "Month first, 3/31/2026"), ("dmy", "Day first, 31.3.2026"),
]  # fmt: skip
MODES: Final = [
    (Import.Mode.REPLACE, "Replace what counts on its days"), (Import.Mode.ADD, "Add to what counts"),
]  # fmt: skip


class SettingsForm(forms.Form):
    """How the cells are written; for rows that do not say it, whose they are and in what currency."""

    provider = forms.CharField(max_length=32, required=False, help_text="Of rows that name none.")
    currency = forms.RegexField(
        r"^[A-Z]{3}$",
        required=False,
        error_messages={"invalid": "Give three capital letters such as EUR."},
        help_text="Of rows that name none, such as EUR.",
    )
    date_order = forms.ChoiceField(label="Dates", choices=DATE_ORDERS, required=False)
    mode = forms.ChoiceField(label="Its rows", choices=MODES)
    decimal_comma = forms.BooleanField(label="Numbers are written 1.234,56", required=False)
    keyed = forms.BooleanField(label="A later row of the same key replaces an earlier one", required=False)
    profile_name = forms.SlugField(
        label="Save as a profile",
        max_length=63,
        required=False,
        help_text="A name such as my-bill; files with these columns are then read alike.",
    )

    def __init__(self, run: Import, data: Any = None) -> None:
        super().__init__(data, initial={**run.layout, "mode": run.mode})
        if run.kind != Import.Kind.COSTS:
            for name in ("currency", "mode", "keyed"):
                del self.fields[name]

    def changes(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "profile_name"}


class HeaderColumn(NamedTuple):
    """A column of the file. `ours` is what it is read as; `suggested`: that is a guess."""

    field: str
    name: str
    samples: list[str]
    ours: str
    suggested: bool
    tag: str


def header_columns(run: Import) -> list[HeaderColumn]:
    samples, tags = import_samples(run), layout_of(run.layout).tags(run.header)
    guessed = {theirs: ours for ours, theirs in _guesses(run).items()}
    read_as = _by_header(run)
    found = []
    for place, name in list(enumerate(run.header))[:MOST]:
        if not name or run.header.index(name) < place:
            continue
        ours = read_as.get(name, "")
        guess = guessed.get(name, "") if not ours else ""
        field = CHOICE.format(place)
        found.append(
            HeaderColumn(field, name, samples[place], ours or guess, bool(guess), tags.get(place, ""))
        )
    return found


def choices(run: Import) -> tuple[list[str], list[str]]:
    """Our columns: those that a file has to have, and all others."""
    needed = list(REQUIRED[run.kind])
    return needed, [name for name in columns_of(run.kind) if name not in needed]


def chosen_columns(run: Import, data: Mapping[str, Any]) -> dict[str, str]:
    """Our column → the file's, or an empty text, for each choice that differs from what is read now."""
    read_as = _by_header(run)
    left: dict[str, str] = {}
    taken: dict[str, str] = {}
    for place, name in enumerate(run.header):
        ours = data.get(CHOICE.format(place))
        if ours is None or ours == read_as.get(name, ""):
            continue
        if name in read_as:
            left[read_as[name]] = ""
        if ours:
            taken[ours] = name
    return left | taken


def _by_header(run: Import) -> dict[str, str]:
    """The file's column → the first of ours that it is read as; more than one stay together."""
    return {theirs: ours for ours, theirs in reversed(run.mapping.items())}


def _guesses(run: Import) -> dict[str, str]:
    return suggestions(layout_of(run.layout), run.header, run.mapping)
