from django.urls import path

from usage import api

urlpatterns = [
    path("events", api.EventView.as_view(), name="event-list"),
    path("events/batch", api.EventBatchView.as_view(), name="event-batch"),
    path("events/<str:event_id>", api.EventDetailView.as_view(), name="event-detail"),
    path("usage", api.UsageListView.as_view(), name="usage-list"),
]
