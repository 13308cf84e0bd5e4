import gc

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.db.backends.signals import connection_created


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Platform"

    def ready(self) -> None:
        import config.task_counts  # noqa: F401  (counts how tasks end)
        from config.distribution.joins import join_within_tenants
        from config.metrics import watch
        from config.tracing import start

        start()  # before the middleware is loaded, which it adds its own to
        connection_created.connect(watch, dispatch_uid="config.metrics")
        if settings.DATABASE_DISTRIBUTED:
            join_within_tenants()


class BackOfficeConfig(AdminConfig):
    default_site = "config.back_office.BackOffice"

    def ready(self) -> None:
        super().ready()
        gc.freeze()  # all is loaded now, and stays
        # A batch of a thousand events is ten thousand objects, none of them garbage yet; the usual 700 would
        # have it searched time and again.
        gc.set_threshold(20_000, 20, 10)
        gc.enable()
        from django.contrib import admin
        from django.contrib.auth.models import Group

        admin.site.unregister(Group)  # what staff may do is said by accounts.staff
