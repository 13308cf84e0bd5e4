from django.apps import AppConfig
from django.db.backends.signals import connection_created


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from accounts import checks, row_checks  # noqa: F401  (registers the system checks)
        from accounts.api import schema  # noqa: F401  (registers the ways of calling in the schema)
        from accounts.postgres import register_loaders
        from accounts.row_security import settle
        from accounts.services.cleaning import clean_up_enter
        from accounts.services.clearing import JOBS
        from accounts.sqlite import register_functions

        clean_up_enter(*JOBS)
        register_loaders()
        connection_created.connect(register_functions, dispatch_uid="accounts.sqlite")
        connection_created.connect(settle, dispatch_uid="accounts.row_security")
