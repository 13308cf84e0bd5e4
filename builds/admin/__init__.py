"""The back office of image builds."""

from builds.admin import builds, catalogue, channels

__all__ = ["builds", "catalogue", "channels"]
