"""The back office of the accounts: it calls the same verbs as the API and the console."""

from accounts.admin import deliveries, keys, logs, mail, people, retention, tenants

__all__ = ["deliveries", "keys", "logs", "mail", "people", "retention", "tenants"]
