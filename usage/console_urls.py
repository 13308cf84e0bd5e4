"""The console's pages about usage, under /console/."""

from django.urls import path

from usage import pages

urlpatterns = [
    path("/events", pages.events, name="events"),
    path("/events/<uuid:pk>", pages.event, name="event"),
]
