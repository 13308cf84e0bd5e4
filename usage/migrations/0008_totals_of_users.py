from typing import Any

import accounts.models.fields
from django.db import migrations


def mark_every_hour(apps: Any, _editor: Any) -> None:
    """Sums that were made before have no totals yet: the aggregator makes them all again."""
    rollups = apps.get_model("usage", "Rollup").objects.filter(level="hour")
    marks = apps.get_model("usage", "DirtyHour").objects
    hours = rollups.order_by().values_list("tenant_id", "start").distinct()
    marks.bulk_create(
        (marks.model(tenant_id=tenant_id, hour=hour) for tenant_id, hour in hours.iterator()), batch_size=1000
    )


class Migration(migrations.Migration):

    dependencies = [
        ("usage", "0007_alerts_and_quotas"),
    ]

    operations = [
        migrations.AlterField(
            model_name="rollup",
            name="level",
            field=accounts.models.fields.ByteOrderedCharField(
                choices=[
                    ("hour", "Hour"),
                    ("day", "Day"),
                    ("hour_total", "Hour Total"),
                    ("day_total", "Day Total"),
                ],
                max_length=10,
            ),
        ),
        migrations.RunPython(mark_every_hour, migrations.RunPython.noop, elidable=True),
    ]
