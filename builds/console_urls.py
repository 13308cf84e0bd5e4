"""The console's pages about builds, under /console/."""

from django.urls import path

from builds.pages import builds

urlpatterns = [
    path("/builds", builds.builds, name="builds"),
    path("/builds/all", builds.all_builds, name="builds-all"),
    path("/builds/<uuid:pk>", builds.build, name="build"),
    path("/builds/<uuid:pk>/cancel", builds.cancel, name="build-cancel"),
    path("/builds/<uuid:pk>/resume", builds.resume, name="build-resume"),
]
