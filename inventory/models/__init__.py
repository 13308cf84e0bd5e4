"""What a tenant runs in its clouds, and what that costs."""

from inventory.models.accounts import CloudAccount
from inventory.models.costs import Charge, CostDay, CostLine
from inventory.models.imports import Import, MappingProfile
from inventory.models.rates import ExchangeRate
from inventory.models.resources import Resource, ResourceChange

__all__ = [
    "Charge",
    "CloudAccount",
    "CostDay",
    "CostLine",
    "ExchangeRate",
    "Import",
    "MappingProfile",
    "Resource",
    "ResourceChange",
]
