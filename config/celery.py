"""The Celery application: `celery -A config worker` and `celery -A config beat`."""

import os
from typing import Any

from celery import Celery, bootsteps
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class Prepare(bootsteps.Step):
    """A worker makes sure of its database first, as every process does."""

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        from config import startup  # models exist only after Django's setup

        super().__init__(parent, **kwargs)
        startup.prepare()


app = Celery("skyledger")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].update([Prepare, DjangoStructLogInitStep])
