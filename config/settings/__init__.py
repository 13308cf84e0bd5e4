"""Settings, one module per concern, all read from the environment (see the README's table)."""

from config.settings.api import *  # noqa: F403
from config.settings.background import *  # noqa: F403
from config.settings.base import *  # noqa: F403
from config.settings.databases import *  # noqa: F403
from config.settings.env import BASE_DIR, ENVIRONMENT, STRICT, VAR_DIR  # noqa: F401
from config.settings.gcore import *  # noqa: F403
from config.settings.limits import *  # noqa: F403
from config.settings.logs import *  # noqa: F403
from config.settings.security import *  # noqa: F403
