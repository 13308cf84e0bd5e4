from django.apps import AppConfig
from django.db.backends.signals import connection_created


class UsageConfig(AppConfig):
    name = "usage"
    verbose_name = "Usage"

    def ready(self) -> None:
        from accounts.digest import digest_enter
        from accounts.services.cleaning import clean_up_enter
        from usage.digest import usage_sections
        from usage.services.letters import JOB
        from usage.sqlite import register_functions

        clean_up_enter(JOB)
        connection_created.connect(register_functions, dispatch_uid="usage.sqlite")
        digest_enter(usage_sections)
