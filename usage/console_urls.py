"""The console's pages about usage, under /console/."""

from django.urls import path

from usage.pages import alerts, events, explorer, letters, meters, prices, statements

urlpatterns = [
    path("/usage", explorer.usage, name="usage"),
    path("/usage/file.<str:format>", explorer.usage_file, name="usage-file"),
    path("/meters", meters.meters, name="meters"),
    path("/meters/new", meters.new_meter, name="meter-new"),
    path("/meters/<uuid:pk>", meters.one_meter, name="meter"),
    path("/prices", prices.prices, name="prices"),
    path("/prices/new", prices.new_price, name="price-new"),
    path("/prices/<uuid:pk>", prices.one_price, name="price"),
    path("/alerts", alerts.alerts, name="alerts"),
    path("/alerts/new", alerts.new_alert, name="alert-new"),
    path("/alerts/<uuid:pk>", alerts.one_alert, name="alert"),
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
