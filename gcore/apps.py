from django.apps import AppConfig


class GcoreConfig(AppConfig):
    name = "gcore"
    verbose_name = "Gcore"
