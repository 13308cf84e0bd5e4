from django.apps import AppConfig
from django.db.backends.signals import connection_created


class BuildsConfig(AppConfig):
    name = "builds"
    verbose_name = "Builds"

    def ready(self) -> None:
        from accounts.digest import digest_enter
        from builds.digest import builds_sections
        from builds.sqlite import register_functions

        connection_created.connect(register_functions, dispatch_uid="builds.sqlite")
        digest_enter(builds_sections)
