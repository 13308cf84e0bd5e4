"""One body for everything that can go wrong."""

import json
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as ModelError
from django.db import IntegrityError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path
from rest_framework import exceptions as drf
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.errors import Conflict, RateLimited, Unavailable

RAISED: dict[str, Exception] = {
    "denied": PermissionDenied("no"),
    "missing": Http404("secret reason"),
    "twice": IntegrityError('duplicate key "tenant_secret"'),
    "away": OperationalError('connection to "db.internal" failed'),
    "bug": RuntimeError("hunter2"),
    "conflict": Conflict("It is closed already."),
    "busy": RateLimited("Slow down.", headers={"Retry-After": "7"}, extra={"retry_after": 7}),
    "later": Unavailable("Not now.", retry_after=9),
    "invalid": drf.ValidationError(
        {"name": ["This field is required."], "items": [{}, {"size": ["Too big."]}]}
    ),
}


class Body(serializers.Serializer[Any]):
    name = serializers.CharField()


class Raises(APIView):
    authentication_classes = []
    permission_classes = [AllowAny]

    def get(self, request: Request, name: str) -> Response:
        raise RAISED[name]

    def post(self, request: Request, name: str) -> Response:
        body = Body(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(body.validated_data)


def form(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.POST.get("name", ""))


urlpatterns = [
    path("raises/<str:name>", Raises.as_view()),
    path("form", form),
    path("", include("config.urls")),
]
handler400 = "config.errors.bad_request"
handler403 = "config.errors.permission_denied"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture
def http() -> Client:
    return Client(raise_request_exception=False)


def assert_is_error(answer: Any, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(answer.content)
    assert (answer.status_code, body["error"]) == (status, code)
    assert answer["Content-Type"] == "application/json"
    assert body["message"] == body["detail"] != ""
    assert body["request_id"] == answer["X-Request-ID"] != ""
    assert isinstance(body["errors"], list)
    return body


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("denied", 403, "permission_denied"),
        ("missing", 404, "not_found"),
        ("twice", 409, "conflict"),
        ("away", 503, "unavailable"),
        ("bug", 500, "internal_error"),
        ("conflict", 409, "conflict"),
        ("busy", 429, "rate_limit_exceeded"),
        ("later", 503, "unavailable"),
        ("invalid", 400, "validation_error"),
    ],
)
def test_what_a_view_raises(http: Client, name: str, status: int, code: str) -> None:
    answer = http.get(f"/raises/{name}")
    assert_is_error(answer, status, code)
    assert not any(word in answer.content.decode() for word in ("hunter2", "secret", "db.internal"))
    assert ("Retry-After" in answer) is (status in (429, 503))


def test_fields_are_named_at_any_depth(http: Client) -> None:
    body = assert_is_error(http.get("/raises/invalid"), 400, "validation_error")
    assert body["errors"] == [
        {"field": "name", "message": "This field is required."},
        {"field": "items[1].size", "message": "Too big."},
    ]
    assert body["message"] == "name: This field is required."


@pytest.mark.parametrize(
    ("method", "url", "options", "status", "code"),
    [
        ("get", "/nope", {}, 404, "not_found"),
        ("get", "/api/v1/nope/", {}, 404, "not_found"),
        ("delete", "/raises/bug", {}, 405, "method_not_allowed"),
        ("post", "/raises/x", {"data": b"a=b", "content_type": "text/xml"}, 415, "unsupported_media_type"),
        ("post", "/raises/x", {"data": b"{", "content_type": "application/json"}, 400, "validation_error"),
        ("post", "/raises/x", {"data": b"", "content_type": "application/json"}, 400, "validation_error"),
        ("post", "/raises/x", {"data": b"[1]", "content_type": "application/json"}, 400, "validation_error"),
        (
            "post",
            "/raises/x",
            {"data": b"{}", "content_type": "application/json; charset=utf-7"},
            400,
            "validation_error",
        ),
        ("get", "/usage", {"headers": {"Host": "evil.example"}}, 400, "validation_error"),
        ("get", "/api/v1/usage", {}, 401, "authentication_required"),
    ],
)
def test_what_never_reaches_a_view(
    http: Client, method: str, url: str, options: dict[str, Any], status: int, code: str
) -> None:
    assert_is_error(getattr(http, method)(url, **options), status, code)


@pytest.mark.parametrize("url", ["/raises/x", "/form"])
@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=100)
def test_a_body_that_is_too_large(http: Client, url: str) -> None:
    kind = "application/json" if url != "/form" else "application/x-www-form-urlencoded"
    answer = http.post(url, data=b'{"name": "' + b"x" * 200 + b'"}', content_type=kind)
    assert_is_error(answer, 413, "payload_too_large")


def test_a_form_without_its_csrf_token() -> None:
    answer = Client(enforce_csrf_checks=True).post("/form", {"name": "x"})
    assert_is_error(answer, 403, "permission_denied")


@pytest.mark.parametrize("url", ["/nope", "/raises/conflict", "/raises/bug"])
def test_problem_details_when_asked_for(http: Client, url: str) -> None:
    answer = http.get(url, headers={"Accept": "application/problem+json"})
    body = json.loads(answer.content)
    assert answer["Content-Type"] == "application/problem+json"
    assert body["status"] == answer.status_code
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["detail"] == body["message"]


def test_the_request_id_is_kept_when_it_is_a_plain_one(http: Client) -> None:
    assert http.get("/nope", headers={"X-Request-ID": "abc-123"})["X-Request-ID"] == "abc-123"
    for strange in ("a b", "x" * 65, 'a"b', "<script>"):
        assert http.get("/nope", headers={"X-Request-ID": strange})["X-Request-ID"] != strange


def test_a_models_own_error_is_no_secret() -> None:
    """Services call full_clean(); what it says is meant for the caller."""
    from config.errors import as_app_error

    error = as_app_error(ModelError({"slug": ["Taken."]}))
    assert error is not None
    assert (error.status, error.errors) == (400, [{"field": "slug", "message": "Taken."}])
