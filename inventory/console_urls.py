"""The console's pages about resources and costs, under /console/."""

from django.urls import path

from inventory.pages import imports

urlpatterns = [
    path("/imports", imports.imports, name="imports"),
    path("/imports/<uuid:pk>", imports.one_import, name="import"),
]
