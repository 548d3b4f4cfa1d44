"""Pages to look at, at a bounded cost however many rows there are."""

from typing import Any, ClassVar, Final

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property

FURTHEST: Final = 1_000  # rows that can be paged through; a search or a filter leads to those behind


class Glance(Paginator):  # type: ignore[type-arg]
    """Pages of the first rows. It neither counts all of them nor goes further than it has counted."""

    @cached_property
    def count(self) -> int:
        """How many rows can be paged through."""
        rows: Any = self.object_list
        return int(rows[:FURTHEST].count())


class ReadOnly:
    """Lets nobody add, change or delete anything: on a page of its own, or inside of another one's."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return no."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return no."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return no."""
        return False


class Listing(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """A list of rows, the newest first, and a page for each."""

    paginator = Glance
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    ordering = ("-id",)
    sortable_by = ()  # by anything else all rows would have to be sorted
    actions = None
    lookups: ClassVar[frozenset[str]] = frozenset()  # that may stand in the address

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Whether rows may be chosen by this: nobody is to walk through all of them, or to guess what is masked."""
        return lookup in self.lookups


class Lines(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    """Rows that belong to the one that is shown."""

    extra = 0
    ordering = ("id",)
    show_change_link = False
