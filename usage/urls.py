from django.urls import path

from usage.api import events, ingest

urlpatterns = [
    path("events", ingest.EventView.as_view(), name="event-list"),
    path("events/batch", ingest.EventBatchView.as_view(), name="event-batch"),
    path("events/<str:event_id>", events.EventDetailView.as_view(), name="event-detail"),
    path("usage", events.UsageListView.as_view(), name="usage-list"),
]
