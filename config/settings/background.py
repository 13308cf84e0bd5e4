"""Redis, and what runs behind the requests: Celery, the cache, the channel layer, the event queue."""

import logging
from typing import Any, Final

from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured

from config.settings.env import env

REDIS_URL: Final[str] = env.str("REDIS_URL", default="")
# How long a request waits for Redis before it does the work without it.
REDIS_TIMEOUT_SECONDS: Final[float] = env.float("REDIS_TIMEOUT_SECONDS", default=0.1)

CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "skyledger",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "local": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "local"},
}
# django-ratelimit guards the sign-in form only, where its count per process is a floor and not the limit
# itself; so it needs no Redis, and no Redis that is away can close the form.
RATELIMIT_USE_CACHE = "local"
SILENCED_SYSTEM_CHECKS = ["django_ratelimit.E003", "django_ratelimit.W001"]

FOR_EVER: Final = 10**9  # seconds
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "skyledger"},
    }
    if REDIS_URL
    else {
        "BACKEND": "config.channel_layer.OneProcessLayer",
        "CONFIG": {"capacity": 10_000, "expiry": FOR_EVER, "group_expiry": FOR_EVER},
    }
}

CELERY_BROKER_URL = REDIS_URL or "memory://localhost/"
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_SOFT_TIME_LIMIT = 540
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
# Names the request and the task in every log line of a task.
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_CELERY_DEFAULT_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_CELERY_TASK_FAILURE_LOG_LEVEL = logging.ERROR
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # Redis may stay away for as long as it likes
# Longer than any task may run, or Redis would hand a running task to a second worker.
# Without Redis the broker is this process's memory, which is looked into at this interval. Who asks a worker
# does not wait for a broker that is away: kombu would try again for six seconds, inside a request.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    {"visibility_timeout": 900, "socket_timeout": 5, "socket_connect_timeout": 2, "max_retries": 0}
    if REDIS_URL
    else {"polling_interval": 0.1, "max_retries": 0}
)
CELERY_BEAT_SCHEDULER = "config.beat:Scheduler"
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "accounts-clean-up": {"task": "accounts.clean_up", "schedule": 3600.0, "options": {"expires": 3600}},
    "accounts-send-digests": {
        "task": "accounts.send_digests",
        "schedule": 1800.0,
        "options": {"expires": 1800},
    },
    # One that no worker took up in time is made up for by the next.
    "accounts-sweep-deliveries": {
        "task": "accounts.sweep_deliveries",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    # A run that is late is not made up for: the next one does what is left.
    "usage-aggregate": {"task": "usage.aggregate", "schedule": 60.0, "options": {"expires": 60}},
    "usage-evaluate-alerts": {"task": "usage.evaluate_alerts", "schedule": 60.0, "options": {"expires": 60}},
    "builds-sweep": {"task": "builds.sweep", "schedule": 60.0, "options": {"expires": 60}},
    "gcore-sweep-reports": {"task": "gcore.sweep_reports", "schedule": 10.0, "options": {"expires": 10}},
    "gcore-plan-imports": {"task": "gcore.plan_imports", "schedule": 600.0, "options": {"expires": 600}},
    "gcore-sweep-imports": {"task": "gcore.sweep_imports", "schedule": 20.0, "options": {"expires": 20}},
    "gcore-reconcile": {"task": "gcore.reconcile", "schedule": 3600.0, "options": {"expires": 3600}},
    "inventory-evaluate-budgets": {
        "task": "inventory.evaluate_budgets",
        "schedule": 900.0,
        "options": {"expires": 900},
    },
    "inventory-sweep-imports": {
        "task": "inventory.sweep_imports",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "inventory-fire-automation": {
        "task": "inventory.fire_automation",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "inventory-sweep-automation": {
        "task": "inventory.sweep_automation",
        "schedule": 20.0,
        "options": {"expires": 20},
    },
    "inventory-plan-recommendations": {
        "task": "inventory.plan_recommendations",
        "schedule": crontab(hour=2, minute=40),
        "options": {"expires": 3600},
    },
    "inventory-check-realised": {
        "task": "inventory.check_realised",
        "schedule": crontab(hour=4, minute=10),
        "options": {"expires": 3600},
    },
    "config-beat": {"task": "config.beat", "schedule": 30.0},
}

# For how many days is kept what nothing is billed from; each tenant may have its own in the back office.
DELIVERY_RETENTION_DAYS: Final[int] = env.int("DELIVERY_RETENTION_DAYS", default=30)
ACTIVITY_RETENTION_DAYS: Final[int] = env.int("ACTIVITY_RETENTION_DAYS", default=365)
UPLOAD_RETENTION_DAYS: Final[int] = env.int("UPLOAD_RETENTION_DAYS", default=14)
REPORT_RETENTION_DAYS: Final[int] = env.int("REPORT_RETENTION_DAYS", default=400)

# The event writer.
EVENT_STREAM: Final[str] = env.str("EVENT_STREAM", default="skyledger:events")
# A Redis Cluster for accepted events alone, and over how many streams it spreads its tenants.
EVENT_CLUSTER_URL: Final[str] = env.str("EVENT_CLUSTER_URL", default="")
EVENT_SHARDS: Final[int] = env.int("EVENT_SHARDS", default=6)
if EVENT_CLUSTER_URL and not REDIS_URL:
    raise ImproperlyConfigured("EVENT_CLUSTER_URL holds events alone; REDIS_URL is needed beside it.")
EVENT_CLAIM_SECONDS: Final[float] = env.float("EVENT_CLAIM_SECONDS", default=30.0)
EVENT_MAX_DELIVERIES: Final[int] = env.int("EVENT_MAX_DELIVERIES", default=5)
READY_MAX_QUEUE_AGE_SECONDS: Final[float] = env.float("READY_MAX_QUEUE_AGE_SECONDS", default=300.0)

# Runs of automation rules: how long a worker may be silent, and how often a provider is asked how far it is.
AUTOMATION_LEASE_SECONDS: Final[float] = env.float("AUTOMATION_LEASE_SECONDS", default=300.0)
AUTOMATION_POLL_SECONDS: Final[float] = env.float("AUTOMATION_POLL_SECONDS", default=5.0)
