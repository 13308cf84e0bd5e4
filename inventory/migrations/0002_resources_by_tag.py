from django.db import migrations

# Beside Django's own indexes, for SQLite has none of this kind.
CREATE = "CREATE INDEX resource_by_tag ON inventory_resource USING gin (tags jsonb_path_ops)"


def create(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(CREATE)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX resource_by_tag")


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0001_resources_and_costs'),
    ]

    operations = [migrations.RunPython(create, drop)]
