"""The tree of folders as somebody sees it, with the products in it."""

from collections import defaultdict
from typing import NamedTuple
from uuid import UUID

from accounts.principals import Principal
from inventory.models import Folder, Product
from inventory.queries.folders import levels_of, products_seen


class Branch(NamedTuple):
    """`level` is what the caller may do in the folder."""

    folder: Folder
    level: str
    products: list[Product]
    children: "list[Branch]"


def folder_tree(by: Principal) -> list[Branch]:
    """The folders that the caller sees, by name; those whose parent they do not see are at the top."""
    levels = levels_of(by)
    products: defaultdict[UUID, list[Product]] = defaultdict(list)
    for product in products_seen(by.home):
        products[product.folder_id].append(product)
    folders = Folder.objects.for_tenant(by.home).order_by("name", "pk")
    branches = {
        folder.pk: Branch(folder, levels[folder.pk], products[folder.pk], [])
        for folder in folders
        if folder.pk in levels
    }
    top: list[Branch] = []
    for branch in branches.values():
        parent = branches.get(branch.folder.parent_id) if branch.folder.parent_id else None
        (parent.children if parent else top).append(branch)
    return top
