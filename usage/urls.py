from django.urls import path, register_converter
from django.urls.converters import StringConverter
from rest_framework.routers import SimpleRouter

from usage.api import analytics, corrections, events, explain, exports, ingest
from usage.api.alerts import AlertViewSet, QuotaView
from usage.api.letters import DeadLetterViewSet
from usage.api.meters import MeterViewSet
from usage.api.prices import PriceRuleViewSet
from usage.api.statements import StatementViewSet
from usage.api.verify import VerifyView

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("alerts", AlertViewSet, basename="alert")
router.register("price-rules", PriceRuleViewSet, basename="price-rule")
router.register("statements", StatementViewSet, basename="statement")
router.register("meters", MeterViewSet, basename="meter")
router.register("dead-letters", DeadLetterViewSet, basename="dead-letter")


class EventId(StringConverter):
    """Any text: ids may hold slashes and line ends."""

    regex = r"[\s\S]+"


register_converter(EventId, "event_id")

urlpatterns = [
    path("events", ingest.EventView.as_view(), name="event-list"),
    path("events/batch", ingest.EventBatchView.as_view(), name="event-batch"),
    path("events/<event_id:event_id>/void", corrections.EventVoidView.as_view(), name="event-void"),
    path("events/<event_id:event_id>/amend", corrections.EventAmendView.as_view(), name="event-amend"),
    path("events/<event_id:event_id>/explain", explain.EventExplainView.as_view(), name="event-explain"),
    path("events/<event_id:event_id>", events.EventDetailView.as_view(), name="event-detail"),
    path("usage", events.UsageListView.as_view(), name="usage-list"),
    path("usage/explain", explain.UsageExplainView.as_view(), name="usage-explain"),
    path("usage/export", exports.UsageExportView.as_view(), name="usage-export"),
    path("quota", QuotaView.as_view(), name="quota"),
    path("usage/aggregate", analytics.AggregateView.as_view(), name="usage-aggregate"),
    path("usage/by-service", analytics.ByServiceView.as_view(), name="usage-by-service"),
    path("usage/costs", analytics.CostsView.as_view(), name="usage-costs"),
    path("usage/verify", VerifyView.as_view(), name="usage-verify"),
    path("analytics/trends", analytics.TrendsView.as_view(), name="analytics-trends"),
    *router.urls,
]
