"""The back office's own site."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse


class BackOffice(admin.AdminSite):
    index_title = "Overview"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")  # it says that it did what a service refused

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from accounts.models import User
        from config.figures import figures_for  # models are not there yet when the site is made

        assert isinstance(request.user, User)  # noqa: S101  (nobody else gets here)
        return super().index(request, {**(extra_context or {}), "figures": figures_for(request.user)})
