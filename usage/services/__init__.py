"""Verbs on usage."""
