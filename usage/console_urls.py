"""The console's pages about usage, under /console/."""

from django.urls import path

from usage.pages import events, letters, statements

urlpatterns = [
    path("/events", events.events, name="events"),
    path("/events/<uuid:pk>", events.event, name="event"),
    path("/events/<uuid:pk>/void", events.void, name="event-void"),
    path("/events/<uuid:pk>/amend", events.amend, name="event-amend"),
    path("/set-aside", letters.letters, name="set-aside"),
    path("/set-aside/<int:pk>", letters.letter, name="letter"),
    path("/set-aside/<int:pk>/dismiss", letters.letter_dismiss, name="letter-dismiss"),
    path("/statements", statements.statements, name="statements"),
    path("/statements/<uuid:pk>", statements.statement, name="statement"),
]
