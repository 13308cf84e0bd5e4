"""The console's pages about usage, under /console/."""

from django.urls import path

from usage.pages import events, statements

urlpatterns = [
    path("/events", events.events, name="events"),
    path("/events/<uuid:pk>", events.event, name="event"),
    path("/statements", statements.statements, name="statements"),
    path("/statements/<uuid:pk>", statements.statement, name="statement"),
]
