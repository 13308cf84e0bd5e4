"""Every path of the contract, under /api/v1/ and at the root, from one list included twice."""

from django.contrib import admin
from django.urls import include, path

from config import console, docs, system

system_paths = [
    path("health", system.Health.as_view()),
    path("ready", system.Ready.as_view()),
    path("status", system.Status.as_view()),
    path("metrics", system.Metrics.as_view()),
    path("ws/activity-stream/<str:organization_id>", system.ActivityStreamHelp.as_view()),
    path("openapi.json", docs.OpenApi.as_view()),
    path("docs", docs.swagger),
    path("redoc", docs.redoc),
]

# No path of one is another's, so what is called the most is looked through first.
api = [
    path("", include("builds.urls")),
    path("", include("usage.urls")),
    path("", include(system_paths)),
    path("", include("accounts.urls")),
    path("", include("inventory.urls")),
    path("", include("gcore.urls")),
]

urlpatterns = [
    path("admin/login/", console.back_office_sign_in),
    path("admin/", admin.site.urls),
    path("console", include("config.console_urls")),
    path("", system.ServiceInfo.as_view()),
    path("api/v1", system.ServiceInfo.as_view()),
    path("api/v1/", include(api)),
    path("", include(api)),
]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.permission_denied"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
