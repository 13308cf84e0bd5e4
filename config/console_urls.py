"""The console: each room's pages under one name space."""

from django.urls import include, path

from config import console

app_name = "console"
urlpatterns = [
    path("", console.home, name="home"),
    path("", include("accounts.console_urls")),
    path("", include("usage.console_urls")),
    path("", include("builds.console_urls")),
    path("", include("inventory.console_urls")),
    path("", include("gcore.console_urls")),
    path("/<path:rest>", console.not_found, name="not-found"),
]
