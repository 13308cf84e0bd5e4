from django.apps import AppConfig
from django.db.backends.signals import connection_created


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Platform"

    def ready(self) -> None:
        import config.task_counts  # noqa: F401  (counts how tasks end)
        from config.metrics import watch
        from config.tracing import start

        start()  # before the middleware is loaded, which it adds its own to
        connection_created.connect(watch, dispatch_uid="config.metrics")
