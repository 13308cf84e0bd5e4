from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0007_guests_mail_and_second_factors'),
        ('gcore', '0001_initial'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='reportbundle',
            index=models.Index(fields=['tenant', '-id'], name='report_bundle_newest'),
        ),
        migrations.AddIndex(
            model_name='reportjob',
            index=models.Index(fields=['tenant', '-id'], name='report_newest'),
        ),
    ]
