from django.apps import AppConfig
from django.db.backends.signals import connection_created


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Platform"

    def ready(self) -> None:
        from config import task_counts  # noqa: F401  (counts how tasks end)
        from config.metrics import watch

        connection_created.connect(watch, dispatch_uid="config.metrics")
