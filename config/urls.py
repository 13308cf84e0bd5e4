"""Every path of the contract, under /api/v1/ and at the root, from one list included twice."""

from django.contrib import admin
from django.urls import include, path

api = [
    path("", include("accounts.urls")),
    path("", include("usage.urls")),
]

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include(api)),
    path("", include(api)),
]

handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
