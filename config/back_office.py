"""The back office's own site."""

from django.contrib import admin


class BackOffice(admin.AdminSite):
    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")  # it says that it did what a service refused
