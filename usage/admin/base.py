"""Lists over tables that may be very long."""

from typing import Any, Final

from django.contrib import admin
from django.core.paginator import Paginator
from django.utils.functional import cached_property

from accounts.admin.base import ReadOnlyAdmin

MOST: Final = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts and pages through the first MOST rows, so that a list opens at once however long the table."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:MOST].count())


class LedgerAdmin(ReadOnlyAdmin):
    """Rows that may be many millions: nothing here counts them all."""

    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    ordering = ("-id",)  # the order of arrival, which the primary key's own index serves
    list_select_related = ("tenant",)
