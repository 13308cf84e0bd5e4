from django.apps import AppConfig
from django.db.backends.signals import connection_created


class UsageConfig(AppConfig):
    name = "usage"
    verbose_name = "Usage"

    def ready(self) -> None:
        from usage.sqlite import register_functions

        connection_created.connect(register_functions, dispatch_uid="usage.sqlite")
