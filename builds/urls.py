from typing import Any

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from builds.api.artifacts import ArtifactViewSet, VariableViewSet
from builds.api.builds import BuildViewSet
from builds.api.catalogue import ImageTypeViewSet, OsVersionViewSet, PlatformViewSet
from builds.api.channels import ChannelViewSet, RevocationViewSet
from builds.api.control import ControlViewSet
from builds.api.dashboard import MetricsView, PlatformView, RecentView, SummaryView
from builds.api.projects import ProjectViewSet, StateCodeViewSet

ROWS: dict[str, Any] = {"get": "list", "post": "create"}
ROW: dict[str, Any] = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("builds", BuildViewSet, basename="build")
router.register("channels", ChannelViewSet, basename="channel")

of_build = [
    path("cancel", ControlViewSet.as_view({"post": "cancel"})),
    path("resume", ControlViewSet.as_view({"post": "resume"})),
    path("resume-context", ControlViewSet.as_view({"get": "resume_context"})),
    path("revoke", RevocationViewSet.as_view({"post": "revoke"})),
    path("restore", RevocationViewSet.as_view({"post": "restore"})),
    path("ancestry", RevocationViewSet.as_view({"get": "ancestry"})),
]
below_build = [
    path("artifacts", ArtifactViewSet.as_view(ROWS)),
    path(
        "artifacts/<uuid:artifact>",
        ArtifactViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("variables", VariableViewSet.as_view(ROWS)),
    path("variables/<str:key>", VariableViewSet.as_view({"get": "retrieve", "delete": "destroy"})),
]
state_codes = [
    path("", StateCodeViewSet.as_view(ROWS)),
    path("/<int:code>", StateCodeViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"})),
]

urlpatterns = [
    *router.urls,
    path("builds/<uuid:pk>/", include(of_build)),
    path("builds/<uuid:build>/", include(below_build)),
    path("dashboard/summary", SummaryView.as_view(), name="dashboard-summary"),
    path("dashboard/recent", RecentView.as_view(), name="dashboard-recent"),
    path("dashboard/platform/<str:slug>", PlatformView.as_view(), name="dashboard-platform"),
    path("dashboard/metrics", MetricsView.as_view(), name="dashboard-metrics"),
    path("platforms", PlatformViewSet.as_view(ROWS)),
    path("platforms/<str:slug>", PlatformViewSet.as_view(ROW)),
    path("os_versions", OsVersionViewSet.as_view(ROWS)),
    path("os_versions/<str:slug>", OsVersionViewSet.as_view(ROW)),
    path("image_types", ImageTypeViewSet.as_view(ROWS)),
    path("image_types/<str:slug>", ImageTypeViewSet.as_view(ROW)),
    path("projects", ProjectViewSet.as_view(ROWS)),
    path("projects/<str:slug>", ProjectViewSet.as_view(ROW)),
    path("projects/<str:slug>/state-codes", include(state_codes)),
]
