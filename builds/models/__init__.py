"""What images are built of, their builds, and what happened to those."""

from builds.models.artifacts import Artifact, Variable
from builds.models.builds import Build
from builds.models.catalogue import CatalogueQuerySet, CatalogueRow, ImageType, OsVersion, Platform
from builds.models.channels import Channel, ChannelAssignment
from builds.models.history import BuildFailure, BuildState, Resume
from builds.models.projects import Project, StateCode, StateTemplate

__all__ = [
    "Artifact",
    "Build",
    "BuildFailure",
    "BuildState",
    "CatalogueQuerySet",
    "CatalogueRow",
    "Channel",
    "ChannelAssignment",
    "ImageType",
    "OsVersion",
    "Platform",
    "Project",
    "Resume",
    "StateCode",
    "StateTemplate",
    "Variable",
]
