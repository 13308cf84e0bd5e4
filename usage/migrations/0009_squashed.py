import accounts.models.fields
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from decimal import Decimal
from django.db import migrations, models

from accounts.creating import CreateModels


class Migration(migrations.Migration):

    replaces = [('usage', '0001_initial'), ('usage', '0002_dead_letters_once'), ('usage', '0003_ledger_of_revisions'), ('usage', '0004_prices_and_statements'), ('usage', '0005_meters'), ('usage', '0006_letters_closed'), ('usage', '0007_alerts_and_quotas'), ('usage', '0008_totals_of_users'), ('usage', '0009_events_by_change')]

    initial = True

    dependencies = [
        ('accounts', '0006_webhooks_rest'),
    ]

    operations = [
        CreateModels([
            migrations.CreateModel(
                name='Alert',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('name', models.CharField(max_length=255)),
                    ('measure', models.CharField(choices=[('usage', 'Usage'), ('cost', 'Cost'), ('error_rate', 'Error Rate'), ('latency', 'Latency')], max_length=16)),
                    ('metric', models.CharField(blank=True, help_text='Of usage and latency.', max_length=255)),
                    ('filter', models.TextField(blank=True, max_length=2000)),
                    ('operator', models.CharField(choices=[('>=', '>='), ('>', '>'), ('<=', '<='), ('<', '<')], default='>=', max_length=2)),
                    ('threshold', accounts.models.fields.ExactDecimalField()),
                    ('currency', models.CharField(default='USD', max_length=3, validators=[django.core.validators.RegexValidator('^[A-Z]{3}$', 'Give an ISO 4217 code such as EUR.')])),
                    ('window_minutes', models.PositiveIntegerField(default=60, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(44640)])),
                    ('cooldown_minutes', models.PositiveIntegerField(default=60, validators=[django.core.validators.MaxValueValidator(44640)])),
                    ('min_points', models.PositiveIntegerField(default=1, help_text='0: silence counts too.')),
                    ('emails', models.JSONField(blank=True, default=list)),
                    ('is_active', models.BooleanField(default=True)),
                    ('status', models.CharField(choices=[('resolved', 'Resolved'), ('active', 'Active'), ('acknowledged', 'Acknowledged')], default='resolved', editable=False, max_length=16)),
                    ('status_since', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('value', accounts.models.fields.ExactDecimalField(editable=False, null=True)),
                    ('evaluated_at', models.DateTimeField(editable=False, null=True)),
                    ('raised_at', models.DateTimeField(editable=False, null=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                ],
                options={
                    'ordering': ['name'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='alert_once')],
                },
            ),
            migrations.CreateModel(
                name='Quota',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('monthly_events', models.PositiveBigIntegerField(validators=[django.core.validators.MinValueValidator(1)])),
                    ('hard', models.BooleanField(default=False)),
                    ('told', models.CharField(blank=True, editable=False, help_text='Month and percentage told last.', max_length=16)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                ],
                options={
                    'ordering': ['tenant__slug'],
                    'constraints': [models.UniqueConstraint(fields=('tenant',), name='quota_once')],
                },
            ),
            migrations.CreateModel(
                name='UsageEvent',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('event_id', accounts.models.fields.ByteOrderedCharField(max_length=255)),
                    ('revision', models.PositiveSmallIntegerField(db_default=0, default=0)),
                    ('timestamp', models.DateTimeField()),
                    ('user_id', accounts.models.fields.ByteOrderedCharField(max_length=255)),
                    ('service_type', accounts.models.fields.ByteOrderedCharField(max_length=50)),
                    ('service_provider', accounts.models.fields.ByteOrderedCharField(max_length=255)),
                    ('event_type', accounts.models.fields.ByteOrderedCharField(max_length=255)),
                    ('metrics', accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, default=dict, encoder=accounts.models.fields.ExactJSONEncoder)),
                    ('billing_info', accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, default=dict, encoder=accounts.models.fields.ExactJSONEncoder)),
                    ('tags', accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, default=list, encoder=accounts.models.fields.ExactJSONEncoder)),
                    ('metadata', accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, default=dict, encoder=accounts.models.fields.ExactJSONEncoder)),
                    ('session_id', models.CharField(blank=True, max_length=255)),
                    ('request_id', models.CharField(blank=True, max_length=255)),
                    ('received_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('ended_at', models.DateTimeField(blank=True, null=True)),
                ],
                options={
                    'ordering': ['-timestamp', '-id'],
                    'indexes': [models.Index(fields=['tenant', 'timestamp', 'id'], name='event_by_time'), models.Index(fields=['tenant', 'service_type', 'timestamp'], name='event_by_service'), models.Index(condition=models.Q(('ended_at__isnull', False)), fields=['tenant', 'ended_at'], name='event_by_end'), django.contrib.postgres.indexes.BrinIndex(fields=['received_at'], name='event_by_receipt')],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'event_id', 'revision'), name='event_once')],
                },
            ),
            migrations.CreateModel(
                name='Correction',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('event_id', accounts.models.fields.ByteOrderedCharField(max_length=255)),
                    ('revision', models.PositiveSmallIntegerField()),
                    ('kind', models.CharField(choices=[('void', 'Void'), ('amend', 'Amend')], max_length=16)),
                    ('reason', models.CharField(max_length=2000)),
                    ('actor', models.CharField(max_length=320)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('changes', accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, default=dict, encoder=accounts.models.fields.ExactJSONEncoder, help_text='Field → [before, after].')),
                    ('signature', models.CharField(max_length=64)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'event_id', 'revision'), name='correction_once')],
                },
            ),
            migrations.CreateModel(
                name='DeadLetter',
                fields=[
                    ('id', models.BigAutoField(primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('kind', models.CharField(choices=[('refused', 'refused by the database'), ('conflict', 'the id is taken by another content'), ('rejected', 'rejected on arrival')], default='refused', max_length=16)),
                    ('entry_id', models.CharField(help_text="The queue's own id of the entry.", max_length=64)),
                    ('event_id', models.CharField(blank=True, max_length=255)),
                    ('payload', models.TextField()),
                    ('reason', models.TextField()),
                    ('mended', accounts.models.fields.ExactJSONField(blank=True, decoder=accounts.models.fields.ExactJSONDecoder, encoder=accounts.models.fields.ExactJSONEncoder, null=True)),
                    ('status', models.CharField(choices=[('dead', 'Dead'), ('replayed', 'Replayed'), ('dismissed', 'Dismissed')], default='dead', max_length=16)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('closed_at', models.DateTimeField(blank=True, null=True)),
                    ('closed_by', models.CharField(blank=True, help_text='Who replayed or dismissed it.', max_length=320)),
                    ('note', models.CharField(blank=True, help_text='Why it was dismissed.', max_length=2000)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'indexes': [models.Index(fields=['tenant', 'event_id'], name='dead_letter_by_event'), models.Index(fields=['tenant', 'id'], name='dead_letter_by_age')],
                    'constraints': [models.UniqueConstraint(fields=('entry_id', 'event_id'), name='dead_letter_once')],
                },
            ),
            migrations.CreateModel(
                name='DuplicateReceipt',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('event_id', accounts.models.fields.ByteOrderedCharField(max_length=255)),
                    ('received_at', models.DateTimeField()),
                ],
                options={
                    'ordering': ['-received_at'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'event_id', 'received_at'), name='duplicate_once')],
                },
            ),
            migrations.CreateModel(
                name='Meter',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('slug', models.SlugField(max_length=63)),
                    ('name', models.CharField(max_length=255)),
                    ('description', models.TextField(blank=True, max_length=2000)),
                    ('filter', models.TextField(blank=True, max_length=2000)),
                    ('value', models.CharField(default='1', max_length=255)),
                    ('aggregation', models.CharField(choices=[('count', 'Count'), ('sum', 'Sum'), ('avg', 'Avg'), ('min', 'Min'), ('max', 'Max'), ('unique', 'Unique'), ('latest', 'Latest'), ('percentile', 'Percentile'), ('time_weighted', 'Time Weighted')], default='count', max_length=16)),
                    ('percentile', models.DecimalField(blank=True, decimal_places=3, help_text='Above 0, up to 100; for the aggregation percentile only.', max_digits=6, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0.001')), django.core.validators.MaxValueValidator(100)])),
                    ('unit', models.CharField(blank=True, help_text='Shown beside the figures, such as tokens.', max_length=63)),
                    ('is_active', models.BooleanField(default=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                ],
                options={
                    'ordering': ['slug'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'slug'), name='meter_once')],
                },
            ),
            migrations.CreateModel(
                name='PriceRule',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('service_type', accounts.models.fields.ByteOrderedCharField(max_length=50)),
                    ('service_provider', accounts.models.fields.ByteOrderedCharField(blank=True, max_length=255)),
                    ('model_or_tier', accounts.models.fields.ByteOrderedCharField(blank=True, max_length=255)),
                    ('event_type', accounts.models.fields.ByteOrderedCharField(blank=True, max_length=255)),
                    ('unit', accounts.models.fields.ByteOrderedCharField(max_length=255)),
                    ('currency', models.CharField(max_length=3, validators=[django.core.validators.RegexValidator('^[A-Z]{3}$', 'Give an ISO 4217 code such as EUR.')])),
                    ('scheme', models.CharField(choices=[('flat', 'flat'), ('per_unit', 'per_unit'), ('package', 'package'), ('volume', 'volume'), ('graduated', 'graduated')], max_length=16)),
                    ('tiers', accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, encoder=accounts.models.fields.ExactJSONEncoder)),
                    ('minimum_charge', accounts.models.fields.ExactDecimalField(default=Decimal('0'), help_text='Least amount of a month with usage.')),
                    ('valid_from', models.DateTimeField()),
                    ('valid_until', models.DateTimeField(blank=True, null=True)),
                    ('is_active', models.BooleanField(default=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                ],
                options={
                    'ordering': ['service_type', 'unit', 'valid_from', 'id'],
                    'indexes': [models.Index(fields=['tenant', 'service_type', 'unit'], name='price_by_service')],
                    'constraints': [models.CheckConstraint(condition=models.Q(('valid_until', None), ('valid_until__gt', models.F('valid_from')), _connector='OR'), name='price_ends_after_start')],
                },
            ),
            migrations.CreateModel(
                name='DirtyHour',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('hour', models.DateTimeField()),
                ],
                options={
                    'indexes': [models.Index(fields=['tenant', 'hour'], name='dirty_by_hour')],
                },
            ),
            migrations.CreateModel(
                name='Rollup',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('level', accounts.models.fields.ByteOrderedCharField(choices=[('hour', 'Hour'), ('day', 'Day'), ('hour_total', 'Hour Total'), ('day_total', 'Day Total')], max_length=10)),
                    ('start', models.DateTimeField()),
                    ('service_type', accounts.models.fields.ByteOrderedCharField(max_length=50)),
                    ('service_provider', accounts.models.fields.ByteOrderedCharField(max_length=255)),
                    ('event_type', accounts.models.fields.ByteOrderedCharField(max_length=255)),
                    ('user_id', accounts.models.fields.ByteOrderedCharField(max_length=255)),
                    ('model', accounts.models.fields.ByteOrderedCharField(blank=True, max_length=255)),
                    ('count', models.BigIntegerField()),
                    ('costs', accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, default=dict, encoder=accounts.models.fields.ExactJSONEncoder)),
                    ('metrics', accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, default=dict, encoder=accounts.models.fields.ExactJSONEncoder)),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'level', 'start', 'service_type', 'service_provider', 'event_type', 'user_id', 'model'), name='rollup_once')],
                },
            ),
            migrations.CreateModel(
                name='Statement',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('number', models.PositiveIntegerField()),
                    ('as_of', models.DateTimeField()),
                    ('closed_at', models.DateTimeField()),
                    ('closed_by', models.CharField(max_length=255)),
                    ('totals', models.JSONField()),
                    ('previous_digest', models.CharField(blank=True, max_length=64)),
                    ('digest', models.CharField(max_length=64)),
                    ('month', models.DateField(help_text="Its first day, in the tenant's zone.")),
                    ('timezone', models.CharField(max_length=63)),
                    ('starts_at', models.DateTimeField()),
                    ('ends_at', models.DateTimeField()),
                    ('currency', models.CharField(max_length=3)),
                    ('rules', models.JSONField()),
                ],
                options={
                    'ordering': ['-number'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'number'), name='statement_number_once'), models.UniqueConstraint(fields=('tenant', 'month'), name='statement_month_once')],
                },
            ),
            migrations.CreateModel(
                name='StatementLine',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('position', models.PositiveIntegerField()),
                    ('rule_id', models.CharField(blank=True, max_length=36)),
                    ('service_type', models.TextField()),
                    ('service_provider', models.TextField()),
                    ('model', models.TextField(blank=True)),
                    ('unit', models.TextField()),
                    ('scheme', models.CharField(max_length=16)),
                    ('starts_at', models.DateTimeField()),
                    ('ends_at', models.DateTimeField()),
                    ('quantity', accounts.models.fields.ExactDecimalField()),
                    ('unrounded', accounts.models.fields.ExactDecimalField()),
                    ('amount', accounts.models.fields.ExactDecimalField()),
                    ('currency', models.TextField()),
                    ('explanation', accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, encoder=accounts.models.fields.ExactJSONEncoder)),
                    ('billed_by_sender', models.JSONField()),
                    ('statement', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='usage.statement')),
                ],
                options={
                    'ordering': ['position'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'statement', 'position'), name='statement_line_once')],
                },
            ),
            migrations.CreateModel(
                name='Adjustment',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('number', models.PositiveIntegerField()),
                    ('as_of', models.DateTimeField()),
                    ('closed_at', models.DateTimeField()),
                    ('closed_by', models.CharField(max_length=255)),
                    ('totals', models.JSONField()),
                    ('previous_digest', models.CharField(blank=True, max_length=64)),
                    ('digest', models.CharField(max_length=64)),
                    ('statement', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='adjustments', to='usage.statement')),
                    ('reason', models.CharField(blank=True, max_length=2000)),
                ],
                options={
                    'ordering': ['number'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'statement', 'number'), name='adjustment_number_once')],
                },
            ),
            migrations.CreateModel(
                name='AdjustmentLine',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('position', models.PositiveIntegerField()),
                    ('rule_id', models.CharField(blank=True, max_length=36)),
                    ('service_type', models.TextField()),
                    ('service_provider', models.TextField()),
                    ('model', models.TextField(blank=True)),
                    ('unit', models.TextField()),
                    ('scheme', models.CharField(max_length=16)),
                    ('starts_at', models.DateTimeField()),
                    ('ends_at', models.DateTimeField()),
                    ('quantity', accounts.models.fields.ExactDecimalField()),
                    ('unrounded', accounts.models.fields.ExactDecimalField()),
                    ('amount', accounts.models.fields.ExactDecimalField()),
                    ('currency', models.TextField()),
                    ('explanation', accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, encoder=accounts.models.fields.ExactJSONEncoder)),
                    ('billed_by_sender', models.JSONField()),
                    ('adjustment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='usage.adjustment')),
                ],
                options={
                    'ordering': ['position'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'adjustment', 'position'), name='adjustment_line_once')],
                },
            ),
        ]),
    ]
