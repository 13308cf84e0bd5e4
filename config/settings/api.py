"""The API's edge: DRF, the OpenAPI document, CORS."""

import re
from typing import Any

from config.settings.base import VERSION
from config.settings.env import env

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.CredentialAuthentication",
        "accounts.authentication.BrowserSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["accounts.throttles.PrincipalThrottle"],
    "DEFAULT_PARSER_CLASSES": ["config.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": [
        "config.renderers.ExactJSONRenderer",
        "config.renderers.PageRenderer",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.negotiation.LenientNegotiation",
    "URL_FORMAT_OVERRIDE": None,  # `format` is a parameter of several calls of the contract
    "DEFAULT_METADATA_CLASS": "config.metadata.PlainMetadata",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "config.pagination.PagePagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.errors.exception_handler",
    "COERCE_DECIMAL_TO_STRING": True,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Skyledger",
    "VERSION": VERSION,
    "DESCRIPTION": "Usage events, image builds, Gcore reports, resources and costs of every tenant.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.schema.add_error_answers",
        "config.schema.add_idempotency_key",
    ],
    "PREPROCESSING_HOOKS": ["config.schema.keep_canonical_paths"],
    "ENUM_NAME_OVERRIDES": {
        "FolderLevelEnum": "inventory.models.FolderPermission.Level",
        "AnomalyStatusEnum": "inventory.models.AnomalyFeedback.Status",
        "AutomationRunStateEnum": "inventory.models.AutomationRun.State",
        "AutomationTargetStateEnum": "inventory.models.AutomationTarget.State",
        "RecommendationLevelEnum": "inventory.models.Recommendation.Level",
        "ForecastConfidenceEnum": ["low", "normal"],
        "BudgetPeriodEnum": "inventory.models.Budget.Period",
        "PeriodEnum": ["hour", "day", "week", "month"],
        "ImportKindEnum": "inventory.models.Import.Kind",
        "ImportStateEnum": "inventory.models.Import.State",
        "ReportJobStatusEnum": "gcore.models.ReportJob.State",
        "ReportStatusEnum": [
            "requested",
            "queued",
            "generating",
            "downloading",
            "completed",
            "failed",
            "cancelled",
            "timed_out",
            "partial",
        ],
        "SystemStatusEnum": ["healthy", "degraded", "unhealthy"],
        "ComponentStatusEnum": ["healthy", "degraded", "unhealthy", "disabled"],
        "EventStatusEnum": ["queued", "stored", "duplicate"],
        "DispositionEnum": ["pending", "stored", "rejected"],
        "ReplayStatusEnum": ["stored", "duplicate"],
        "DeadLetterStatusEnum": "usage.models.DeadLetter.Status",
        "DeadLetterKindEnum": "usage.models.DeadLetter.Kind",
        "CorrectionKindEnum": "usage.models.Correction.Kind",
        "BuildStatusEnum": ["pending", "in_progress", "completed", "failed", "cancelled"],
        "BuildReportStatusEnum": [
            "pending",
            "in_progress",
            "completed",
            "failed",
            "cancelled",
            "running",
            "started",
            "success",
        ],
        "BuildCreatedStatusEnum": ["created", "existing"],
        "BuildCancelStatusEnum": ["cancel_requested", "cancelled"],
    },
}

# Each tenant's own origins are added by config.cors.
CORS_ALLOWED_ORIGINS: list[str] = env.list(
    "CORS_ORIGINS", default=env.list("CORS_ALLOWED_ORIGINS", default=[])
)
CORS_ALLOW_CREDENTIALS = False
CORS_URLS_REGEX = re.compile(r"^/(?!admin/|console/).*$")
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "prefer",
    "x-api-key",
    "x-request-id",
    "x-tenant-id",
]
CORS_EXPOSE_HEADERS = [
    "idempotency-replayed",
    "x-request-id",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "location",
]
