from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_webhooks_rest")]

    operations = [
        migrations.RemoveConstraint("membership", "membership_role"),
        migrations.AlterField(
            "membership",
            "role",
            models.CharField(
                choices=[
                    ("owner", "Owner"),
                    ("admin", "Admin"),
                    ("member", "Member"),
                    ("viewer", "Viewer"),
                    ("guest", "Guest"),
                ],
                default="member",
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            "membership",
            models.CheckConstraint(
                condition=models.Q(role__in=["owner", "admin", "member", "viewer", "guest"]),
                name="membership_role",
            ),
        ),
    ]
