"""Sums of events by the hour and by the day, and which hours they do not cover."""

from django.db import models

from accounts.models import Massive
from accounts.models.fields import ByteOrderedCharField, ExactJSONField


class DirtyHour(Massive):
    """A mark, written with each change of events: the sums of this hour no longer hold.

    Marks are only added and deleted, several may name one hour: so writers never wait for each other, and
    who recomputes the hour deletes exactly the marks that were there before.
    """

    hour = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["tenant", "hour"], name="dirty_by_hour")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h"


class Rollup(Massive):
    """The live events of one UTC hour or day that share all of these properties.

    In a total the users are one: its `user_id` is empty. A tenant may have thousands of them, and most
    questions are not about them.

    `costs` maps a currency to the sum of what the senders gave as billing_info.total_cost, `metrics` a
    metric's name to [n, sum, min, max]. `model` is metadata.model, else metadata.tier.
    """

    class Level(models.TextChoices):
        HOUR = "hour"
        DAY = "day"
        HOUR_TOTAL = "hour_total"
        DAY_TOTAL = "day_total"

    level = ByteOrderedCharField(max_length=10, choices=Level.choices)
    start = models.DateTimeField()
    service_type = ByteOrderedCharField(max_length=50)
    service_provider = ByteOrderedCharField(max_length=255)
    event_type = ByteOrderedCharField(max_length=255)
    user_id = ByteOrderedCharField(max_length=255)
    model = ByteOrderedCharField(max_length=255, blank=True)
    count = models.BigIntegerField()
    costs = ExactJSONField(default=dict)
    metrics = ExactJSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "tenant",
                    "level",
                    "start",
                    "service_type",
                    "service_provider",
                    "event_type",
                    "user_id",
                    "model",
                ],
                name="rollup_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.start:%Y-%m-%d %H:%M} {self.service_type}"
