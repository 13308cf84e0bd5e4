"""The console's pages about usage, under /console/."""

from django.urls import path

from usage.pages import events

urlpatterns = [
    path("/events", events.events, name="events"),
    path("/events/<uuid:pk>", events.event, name="event"),
]
