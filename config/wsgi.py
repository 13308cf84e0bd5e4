"""Production's web process: `granian --interface wsgi config.wsgi:application`."""

import os
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django: Any = get_wsgi_application()

from config import startup  # noqa: E402  (models exist only after Django's setup)
from config.charset import Utf8WSGIRequest  # noqa: E402
from config.metrics import observe  # noqa: E402
from config.middleware import request_id  # noqa: E402
from usage.lane import in_front_of  # noqa: E402

startup.prepare()
django.request_class = Utf8WSGIRequest
application = in_front_of(django, new_request_id=request_id, observe=observe)
