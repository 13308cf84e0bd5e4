from django.apps import AppConfig


class GcoreConfig(AppConfig):
    name = "gcore"
    verbose_name = "Gcore"

    def ready(self) -> None:
        from accounts.services.cleaning import clean_up_enter
        from gcore.adapter import GcoreAdapter
        from gcore.services.clearing import JOBS
        from inventory.adapters import adapter_register

        clean_up_enter(*JOBS)
        adapter_register("gcore", GcoreAdapter())
