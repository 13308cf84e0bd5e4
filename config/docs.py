"""The OpenAPI document and its two readers, served from our own files: they work without the internet."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.views import SpectacularJSONAPIView

from config.csp import HEADER, policy


class OpenApi(SpectacularJSONAPIView):
    throttle_classes = []


def swagger(request: HttpRequest) -> HttpResponse:
    return render(request, "config/swagger.html")


def redoc(request: HttpRequest) -> HttpResponse:
    """Redoc writes its styles into the page and searches in a worker made of a blob; scripts stay ours."""
    response = render(request, "config/redoc.html")
    response.headers[HEADER] = policy(style_src="'self' 'unsafe-inline'", worker_src="'self' blob:")
    return response
