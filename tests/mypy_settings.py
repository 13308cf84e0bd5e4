"""What mypy's Django plugin imports: the settings of development, so that `mypy .` needs no environment."""

import os

os.environ.setdefault("ENVIRONMENT", "development")

from config.settings import *  # noqa: F403
from config.settings.env import *  # noqa: F403
