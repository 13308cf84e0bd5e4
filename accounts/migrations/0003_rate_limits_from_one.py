from typing import Any

import django.core.validators
from django.db import migrations, models


def zero_is_unset(apps: Any, schema_editor: Any) -> None:
    """Zero was accepted and meant the setting's limit; it goes on doing so."""
    for name in ("ApiKey", "Tenant"):
        apps.get_model("accounts", name).objects.filter(rate_limit=0).update(rate_limit=None)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_usernames_any_case")]

    operations = [
        migrations.RunPython(zero_is_unset, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            model_name="apikey",
            name="rate_limit",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Requests per minute of this key; empty: the setting's.",
                null=True,
                validators=[django.core.validators.MinValueValidator(1)],
            ),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="rate_limit",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Requests per minute of the whole tenant; empty: the setting's.",
                null=True,
                validators=[django.core.validators.MinValueValidator(1)],
            ),
        ),
    ]
