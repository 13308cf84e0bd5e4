"""What a person asks of the usage explorer, read: a meter or a metric, windows, groups and a filter."""

from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone

from accounts.errors import NotFound, ValidationFailed
from accounts.models import Tenant
from usage.filters import read_filter, read_property
from usage.models import Meter
from usage.queries.calendar import UNITS
from usage.queries.meters import MOST_GROUPS, Question

A = Meter.Aggregation
WINDOWS: Final = [*((unit, f"By {unit}") for unit in UNITS), ("none", "As a whole")]
OF_A_METRIC: Final = [(one.value, one.label) for one in A if one not in (A.PERCENTILE, A.LATEST)]
DAYS: Final = 30
DATE: Final = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
DAY: Final = timedelta(days=1)


class ExplorerForm(forms.Form):
    """What the address does not say is as usual: events by day, of the last 30 days of the viewer."""

    meter = forms.ChoiceField(required=False)
    metric = forms.CharField(
        label="or a metric", max_length=200, required=False, help_text="Such as input_tokens, of any event."
    )
    aggregation = forms.ChoiceField(label="made of it", choices=OF_A_METRIC, required=False)
    window = forms.ChoiceField(label="Windows", choices=WINDOWS, required=False)
    first = forms.DateField(label="From", required=False, widget=DATE)
    last = forms.DateField(label="To", required=False, widget=DATE)
    zone = forms.ChoiceField(label="Days of", required=False)
    group_by = forms.CharField(
        max_length=1000,
        required=False,
        help_text=f"Up to {MOST_GROUPS}, such as user_id, metadata.plan.",
        widget=forms.TextInput(attrs={"list": "properties"}),
    )
    filter = forms.CharField(
        label="Only events for which",
        max_length=2000,
        required=False,
        help_text='Such as service_type = compute and metadata.plan != "free".',
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false"}),
    )

    def __init__(self, tenant: Tenant, data: Any) -> None:
        today = timezone.localdate()
        usual = {
            "aggregation": A.SUM.value,
            "window": "day",
            "first": (today - (DAYS - 1) * DAY).isoformat(),
            "last": today.isoformat(),
            "zone": str(timezone.get_current_timezone()),
        }
        super().__init__({name: data.get(name) or usual.get(name, "") for name in self.base_fields})
        self.tenant = tenant
        meters = Meter.objects.for_tenant(tenant).filter(is_active=True).order_by("slug")
        known = [("", "Events"), *((meter.slug, f"{meter.name} ({meter.slug})") for meter in meters)]
        zones = dict.fromkeys([usual["zone"], tenant.timezone, "UTC"])
        for name, choices in (("meter", known), ("zone", [(zone, zone) for zone in zones])):
            field: Any = self.fields[name]
            field.choices = choices

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if first and last and last < first:
            self.add_error("last", "The range ends before it begins.")
        for name, day in (("first", first), ("last", last)):
            if day and not 1970 <= day.year < 2200:
                self.add_error(name, "Give a day from 1970 to 2199.")
        if self.cleaned_data.get("meter") and self.cleaned_data.get("metric"):
            self.add_error("metric", "Choose a meter or name a metric, not both.")
        return self.cleaned_data

    def chosen_meter(self) -> Meter:
        """The meter, or one made for the moment. Errors: 404."""
        slug, metric = self.cleaned_data["meter"], self.cleaned_data["metric"]
        if slug:
            found = Meter.objects.for_tenant(self.tenant).select_related("tenant").filter(slug=slug).first()
            if found is None:
                raise NotFound("There is no such meter in this tenant.")
            return found  # type: ignore[no-any-return]
        if metric:
            aggregation = self.cleaned_data["aggregation"]
            name = f"{metric}, {A(aggregation).label.lower()}"
            return Meter(tenant=self.tenant, name=name, value=f"metrics.{metric}", aggregation=aggregation)
        return Meter(tenant=self.tenant, name="Events", unit="events")

    def question(self) -> Question:
        """Errors: 400 a filter or property that cannot be read."""
        given = self.cleaned_data
        zone = ZoneInfo(given["zone"])
        texts = [text.strip() for text in given["group_by"].split(",") if text.strip()]
        if len(texts) > MOST_GROUPS:
            raise ValidationFailed.field("group_by", f"give at most {MOST_GROUPS} properties.")
        return Question(
            start=_midnight(given["first"], zone),
            end=_midnight(given["last"] + DAY, zone),
            window=given["window"],
            zone=zone,
            group_by=tuple(read_property(text, "group_by") for text in texts),
            filter=read_filter(given["filter"]),
        )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)
