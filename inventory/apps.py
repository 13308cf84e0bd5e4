from django.apps import AppConfig


class InventoryConfig(AppConfig):
    name = "inventory"
    verbose_name = "Inventory"

    def ready(self) -> None:
        from accounts.digest import digest_enter
        from accounts.services.cleaning import clean_up_enter
        from inventory.digest import saving_sections, spend_sections
        from inventory.queries.sight import enter_sights
        from inventory.services.clearing import JOBS

        clean_up_enter(*JOBS)
        enter_sights()
        digest_enter(spend_sections, saving_sections)
