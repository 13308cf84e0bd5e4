"""The Celery application: `celery -A config worker` and `celery -A config beat`."""

import os

from celery import Celery
from celery.loaders.app import AppLoader
from click import Option
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class Loader(AppLoader):
    def on_worker_init(self) -> None:
        """Worker and beat make sure of their database first, as every process does."""
        from config import startup  # models exist only after Django's setup

        startup.prepare()


app = Celery("skyledger", loader="config.celery:Loader")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)
app.steps["worker"].add("config.task_counts:MetricsServer")
app.user_options["worker"].update(
    (
        Option(["--metrics-port"], type=int, help="Serve the worker's Prometheus metrics there."),
        Option(["--metrics-host"], default="127.0.0.1", help="On this address; default: 127.0.0.1."),
    )
)
