"""The OpenAPI document and its two readers, served from our own files: they work without the internet."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.views import SpectacularJSONAPIView


class OpenApi(SpectacularJSONAPIView):
    throttle_classes = []


def swagger(request: HttpRequest) -> HttpResponse:
    return render(request, "config/swagger.html")


def redoc(request: HttpRequest) -> HttpResponse:
    return render(request, "config/redoc.html")
