"""What a build is made from, and what is made from it."""

from dataclasses import dataclass
from typing import Final

from builds.models import Build, Channel
from builds.queries.channels import line_of

MOST_ANCESTORS: Final = 20
MOST_CHILDREN: Final = 100
UP_TO_DATE: Final = "up_to_date"
OUT_OF_DATE: Final = "out_of_date"
UNDETERMINED: Final = "undetermined"


@dataclass(frozen=True, slots=True)
class Ancestry:
    """`parents` from the nearest on, `children` the newest first; out of date: a newer base could be had."""

    status: str
    parents: list[Build]
    children: list[Build]
    children_count: int


def ancestry_of(build: Build) -> Ancestry:
    parents = _parents(build)
    children = Build.objects.for_tenant(build.tenant).filter(parent=build)
    return Ancestry(_status(parents), parents, list(children[:MOST_CHILDREN]), children.count())


def _parents(build: Build) -> list[Build]:
    found: list[Build] = []
    parent = build.parent
    while parent is not None and len(found) < MOST_ANCESTORS:
        found.append(parent)
        parent = parent.parent
    return found


def _status(parents: list[Build]) -> str:
    """Each ancestor is to be the latest of its line."""
    if not parents:
        return UNDETERMINED
    managed = Channel.objects.for_tenant(parents[0].tenant).filter(is_managed=True)
    latest = (managed.filter(**line_of(parent)).values_list("build", flat=True).first() for parent in parents)
    is_latest = all(pk == parent.pk for pk, parent in zip(latest, parents, strict=True))
    return UP_TO_DATE if is_latest else OUT_OF_DATE
