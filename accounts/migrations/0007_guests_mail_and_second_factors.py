import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

from accounts.creating import CreateModels


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_webhooks_rest'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='membership',
            name='membership_role',
        ),
        migrations.AddField(
            model_name='delivery',
            name='mail_kind',
            field=models.CharField(blank=True, choices=[('account', 'The account itself'), ('alerts', 'Alerts and budgets'), ('approvals', 'Requests for approval'), ('digest', 'The weekly digest')], max_length=16),
        ),
        migrations.AlterField(
            model_name='membership',
            name='role',
            field=models.CharField(choices=[('owner', 'Owner'), ('admin', 'Admin'), ('member', 'Member'), ('viewer', 'Viewer'), ('guest', 'Guest')], default='member', max_length=16),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['owner', 'admin', 'member', 'viewer', 'guest'])), name='membership_role'),
        ),
        CreateModels([
            migrations.CreateModel(
                name='Digest',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.tenant')),
                    ('week', models.DateField(help_text="Its Monday, in the tenant's time zone.")),
                    ('mails', models.PositiveIntegerField(default=0)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ],
                options={
                    'ordering': ['-week'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'week'), name='digest_once')],
                },
            ),
            migrations.CreateModel(
                name='Invitation',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.tenant')),
                    ('email', models.EmailField(help_text='In lower case.', max_length=254)),
                    ('role', models.CharField(choices=[('owner', 'Owner'), ('admin', 'Admin'), ('member', 'Member'), ('viewer', 'Viewer'), ('guest', 'Guest')], max_length=16)),
                    ('invited_by', models.CharField(max_length=320)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('expires_at', models.DateTimeField()),
                    ('accepted_at', models.DateTimeField(null=True)),
                    ('withdrawn_at', models.DateTimeField(null=True)),
                ],
                options={
                    'ordering': ['-id'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('accepted_at', None), ('withdrawn_at', None)), fields=('tenant', 'email'), name='invitation_open_once')],
                },
            ),
            migrations.CreateModel(
                name='MailRefusal',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.tenant')),
                    ('address', models.EmailField(help_text='In lower case.', max_length=254)),
                    ('kind', models.CharField(choices=[('account', 'The account itself'), ('alerts', 'Alerts and budgets'), ('approvals', 'Requests for approval'), ('digest', 'The weekly digest')], max_length=16)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ],
                options={
                    'ordering': ['address', 'kind'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'address', 'kind'), name='mail_refusal_once')],
                },
            ),
            migrations.CreateModel(
                name='RetentionPolicy',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.tenant')),
                    ('activity_days', models.PositiveIntegerField(blank=True, help_text='Entries of the activity stream; empty: ACTIVITY_RETENTION_DAYS.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(36500)])),
                    ('delivery_days', models.PositiveIntegerField(blank=True, help_text='Webhooks and mails that ended; empty: DELIVERY_RETENTION_DAYS.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(36500)])),
                    ('upload_days', models.PositiveIntegerField(blank=True, help_text='Uploaded files that nobody confirmed; empty: UPLOAD_RETENTION_DAYS.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(36500)])),
                    ('report_days', models.PositiveIntegerField(blank=True, help_text="Raw files of providers' reports; empty: REPORT_RETENTION_DAYS.", null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(36500)])),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                ],
                options={
                    'verbose_name_plural': 'retention policies',
                    'ordering': ['tenant__slug'],
                },
            ),
            migrations.CreateModel(
                name='SecondFactor',
                fields=[
                    ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='second_factor', serialize=False, to=settings.AUTH_USER_MODEL)),
                    ('secret', models.TextField()),
                    ('confirmed_at', models.DateTimeField(null=True)),
                    ('last_step', models.BigIntegerField(default=0, help_text='The last time step whose code was used.')),
                    ('recovery_hashes', models.JSONField(default=list)),
                    ('failures', models.PositiveIntegerField(default=0, help_text='Wrong codes since the last right one.')),
                    ('failed_at', models.DateTimeField(null=True)),
                ],
            ),
        ]),
    ]
