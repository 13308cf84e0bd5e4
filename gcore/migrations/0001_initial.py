import accounts.models.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from decimal import Decimal
from django.db import migrations, models

from accounts.creating import CreateModels


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0006_webhooks_rest'),
        ('inventory', '0001_resources_and_costs'),
        ('usage', '0009_events_by_change'),
    ]

    operations = [
        CreateModels([
            migrations.CreateModel(
                name='GcoreAccount',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('name', models.SlugField(max_length=63, unique=True)),
                    ('api_base', models.CharField(default='https://api.gcore.com', max_length=255, validators=[django.core.validators.URLValidator(['https', 'http'])], verbose_name='API base')),
                    ('username', models.CharField(blank=True, max_length=255)),
                    ('sealed_password', models.TextField(blank=True, editable=False)),
                    ('sealed_api_token', models.TextField(blank=True, editable=False)),
                    ('generation', models.CharField(choices=[('legacy', 'legacy'), ('current', 'current')], default='current', help_text='Of the billing paths: those published since September 2025, or those before.', max_length=16)),
                    ('report_template', models.CharField(blank=True, help_text='Empty: the newest ResellerStatistics that Gcore lists.', max_length=100)),
                    ('end_is_exclusive', models.BooleanField(default=False, help_text="This Gcore leaves a report's last day out unless the day after it is named.")),
                    ('is_active', models.BooleanField(default=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                ],
                options={
                    'ordering': ['name'],
                },
            ),
            migrations.CreateModel(
                name='ClientMapping',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='gcore.gcoreaccount')),
                    ('client_id', models.CharField(max_length=20, validators=[django.core.validators.RegexValidator('\\A[0-9]+\\Z', 'Give the number of a Gcore client.')], verbose_name='Gcore client id')),
                    ('name', models.CharField(blank=True, help_text="The customer's name at Gcore.", max_length=255)),
                    ('is_imported', models.BooleanField(default=True, help_text="Its usage and costs come into the tenant's ledger every night.")),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                ],
                options={
                    'ordering': ['client_id'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'account', 'client_id'), name='client_mapping_once')],
                },
            ),
            migrations.CreateModel(
                name='ReportJob',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='gcore.gcoreaccount')),
                    ('product', models.CharField(choices=[('cdn', 'CDN'), ('cloud', 'Cloud'), ('waap', 'WAAP')], max_length=8)),
                    ('client_id', models.CharField(max_length=20, verbose_name='Gcore client id')),
                    ('start_date', models.DateField()),
                    ('end_date', models.DateField(help_text='Included.')),
                    ('state', models.CharField(choices=[('requested', 'Requested'), ('queued', 'Queued'), ('generating', 'Generating'), ('downloading', 'Downloading'), ('completed', 'Completed'), ('failed', 'Failed'), ('cancelled', 'Cancelled'), ('timed_out', 'Timed Out')], default='requested', max_length=16)),
                    ('progress', models.PositiveSmallIntegerField(default=0, help_text='Per cent.')),
                    ('attempts', models.PositiveIntegerField(default=0, help_text='Steps begun.')),
                    ('next_poll_at', models.DateTimeField(default=django.utils.timezone.now, null=True)),
                    ('deadline', models.DateTimeField(help_text='Whatever Gcore says, it ends by then.')),
                    ('upstream_id', models.TextField(blank=True, help_text="Gcore's own id of the report.")),
                    ('upstream_state', models.TextField(blank=True, help_text="In Gcore's own word.")),
                    ('notes', models.TextField(blank=True, help_text="What Gcore's task says of itself.")),
                    ('error', models.TextField(blank=True)),
                    ('first_lines', models.TextField(blank=True, help_text='Of a file that was refused; they may be of any customer.')),
                    ('raw', models.FileField(blank=True, max_length=255, upload_to='')),
                    ('sha256', models.CharField(blank=True, max_length=64)),
                    ('size', models.PositiveBigIntegerField(default=0, help_text='Bytes of the file.')),
                    ('row_count', models.PositiveIntegerField(default=0)),
                    ('zero_rows', models.PositiveIntegerField(default=0, help_text="The customer's own, left out.")),
                    ('other_rows', models.PositiveIntegerField(default=0, help_text='Of other customers, left out.')),
                    ('aside_rows', models.PositiveIntegerField(default=0, help_text='That could not be read.')),
                    ('columns', models.JSONField(default=list, help_text='Those beyond the usual ones that hold something.')),
                    ('requested_by', models.CharField(max_length=320)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('finished_at', models.DateTimeField(null=True)),
                ],
                options={
                    'ordering': ['-id'],
                    'indexes': [models.Index(condition=models.Q(('next_poll_at__isnull', False)), fields=['next_poll_at'], name='report_due'), models.Index(fields=['tenant', 'account', 'client_id', 'product', 'start_date', 'end_date'], name='report_of_period')],
                },
            ),
            migrations.CreateModel(
                name='ReportRow',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='rows', to='gcore.reportjob')),
                    ('position', models.PositiveIntegerField()),
                    ('client_id', accounts.models.fields.ByteOrderedCharField(max_length=20)),
                    ('company_name', models.TextField()),
                    ('feature_id', models.TextField()),
                    ('feature_name', models.TextField()),
                    ('metric_value', accounts.models.fields.ExactDecimalField()),
                    ('region_id', models.TextField()),
                    ('region_name', models.TextField()),
                    ('resource_id', models.TextField()),
                    ('resource_name', models.TextField()),
                    ('unit_name', models.TextField()),
                ],
                options={
                    'ordering': ['position'],
                    'constraints': [models.UniqueConstraint(fields=('job', 'position', 'tenant'), name='report_row_once')],
                },
            ),
            migrations.CreateModel(
                name='ReportAside',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='asides', to='gcore.reportjob')),
                    ('position', models.PositiveIntegerField()),
                    ('reason', models.TextField()),
                    ('text', models.TextField()),
                ],
                options={
                    'ordering': ['position'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'job', 'position'), name='report_aside_once')],
                },
            ),
            migrations.CreateModel(
                name='ReportBundle',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('cdn', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='gcore.reportjob')),
                    ('cloud', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='gcore.reportjob')),
                    ('waap', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='gcore.reportjob')),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ],
                options={
                    'ordering': ['-id'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'cdn', 'cloud', 'waap'), name='report_bundle_once')],
                },
            ),
            migrations.CreateModel(
                name='ProviderImport',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('mapping', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='imports', to='gcore.clientmapping')),
                    ('kind', models.CharField(choices=[('cdn', 'CDN'), ('cloud', 'Cloud'), ('waap', 'WAAP'), ('expenses', 'Expenses')], max_length=8)),
                    ('day', models.DateField(help_text='In UTC.')),
                    ('state', models.CharField(choices=[('waiting', 'Waiting'), ('running', 'Running'), ('completed', 'Completed'), ('failed', 'Failed')], default='waiting', max_length=16)),
                    ('job', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='gcore.reportjob')),
                    ('tries', models.PositiveSmallIntegerField(default=0, help_text='That failed.')),
                    ('next_step_at', models.DateTimeField(null=True)),
                    ('asked_at', models.DateTimeField(help_text='When Gcore was asked last.', null=True)),
                    ('finished_at', models.DateTimeField(null=True)),
                    ('counts', models.JSONField(default=dict, help_text='What became of the rows.')),
                    ('error', models.TextField(blank=True)),
                ],
                options={
                    'ordering': ['-day', 'kind'],
                    'indexes': [models.Index(condition=models.Q(('next_step_at__isnull', False)), fields=['next_step_at'], name='provider_import_due'), models.Index(fields=['tenant', 'day'], name='provider_import_by_day')],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'mapping', 'kind', 'day'), name='provider_import_once')],
                },
            ),
            migrations.CreateModel(
                name='FeatureMeter',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('feature_id', models.CharField(help_text='Such as 92; its name where it has no id.', max_length=255, verbose_name='Gcore feature id')),
                    ('meter', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='usage.meter')),
                    ('factor', accounts.models.fields.NumericField(default=Decimal('1'), digits=38, help_text="Of the meter's figure: 0.000000001 makes GB of bytes.", places=14)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                ],
                options={
                    'ordering': ['feature_id'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'feature_id'), name='feature_meter_once')],
                },
            ),
            migrations.CreateModel(
                name='Reconciliation',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('month', models.DateField(help_text='Its first day.')),
                    ('starts_on', models.DateField(help_text='The days compared: from this one')),
                    ('ends_on', models.DateField(help_text='until before this one.')),
                    ('counts', models.JSONField(default=dict, help_text='Features by status.')),
                    ('problems', models.JSONField(default=list, help_text='Feature and finding, such as 92 differs.')),
                    ('lines', accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, default=list, encoder=accounts.models.fields.ExactJSONEncoder)),
                    ('checked_at', models.DateTimeField()),
                ],
                options={
                    'ordering': ['-month'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'month'), name='reconciliation_once')],
                },
            ),
        ]),
    ]
