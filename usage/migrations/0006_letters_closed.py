from django.db import migrations, models

import accounts.models.fields


class Migration(migrations.Migration):
    dependencies = [("usage", "0005_meters")]

    operations = [
        migrations.RenameField(model_name="deadletter", old_name="replayed_at", new_name="closed_at"),
        migrations.AddField(
            model_name="deadletter",
            name="closed_by",
            field=models.CharField(blank=True, help_text="Who replayed or dismissed it.", max_length=320),
        ),
        migrations.AddField(
            model_name="deadletter",
            name="mended",
            field=accounts.models.fields.ExactJSONField(
                blank=True,
                decoder=accounts.models.fields.ExactJSONDecoder,
                encoder=accounts.models.fields.ExactJSONEncoder,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="deadletter",
            name="note",
            field=models.CharField(blank=True, help_text="Why it was dismissed.", max_length=2000),
        ),
        migrations.AlterField(
            model_name="correction", name="actor", field=models.CharField(max_length=320)
        ),
        migrations.AlterField(model_name="deadletter", name="payload", field=models.TextField()),
        migrations.AlterField(
            model_name="deadletter",
            name="status",
            field=models.CharField(
                choices=[("dead", "Dead"), ("replayed", "Replayed"), ("dismissed", "Dismissed")],
                default="dead",
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            model_name="deadletter",
            index=models.Index(fields=["tenant", "id"], name="dead_letter_by_age"),
        ),
    ]
