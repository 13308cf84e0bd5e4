from django.apps import AppConfig


class GcoreConfig(AppConfig):
    name = "gcore"
    verbose_name = "Gcore"

    def ready(self) -> None:
        from accounts.services.cleaning import clean_up_enter
        from gcore.services.clearing import JOBS

        clean_up_enter(*JOBS)
