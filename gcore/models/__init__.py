"""Gcore accounts, and what is asked of them."""

from gcore.models.accounts import GcoreAccount

__all__ = ["GcoreAccount"]
