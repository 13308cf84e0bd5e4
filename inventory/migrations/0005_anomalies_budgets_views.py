import accounts.models.fields
import django.core.validators
import django.db.models.deletion
import uuid_utils.compat
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_squashed'),
        ('inventory', '0004_files_and_profiles'),
    ]

    operations = [
        migrations.CreateModel(
            name='Budget',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=255)),
                ('amount', accounts.models.fields.NumericField(digits=38, places=14)),
                ('currency', models.CharField(max_length=3, validators=[django.core.validators.RegexValidator('^[A-Z]{3}$', 'Give an ISO 4217 code such as EUR.')])),
                ('period', models.CharField(choices=[('month', 'Month'), ('quarter', 'Quarter'), ('year', 'Year')], default='month', max_length=8)),
                ('cost', models.CharField(choices=[('billed', 'Billed'), ('effective', 'Effective')], default='billed', max_length=16)),
                ('filter', models.CharField(blank=True, max_length=2000)),
                ('thresholds', models.JSONField(blank=True, default=list)),
                ('emails', models.JSONField(blank=True, default=list)),
                ('is_active', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='BudgetNotice',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('period_start', models.DateField()),
                ('of', models.CharField(choices=[('actual', 'Actual'), ('forecast', 'Forecast')], max_length=8)),
                ('percent', models.PositiveSmallIntegerField()),
                ('value', accounts.models.fields.NumericField(digits=38, places=14)),
                ('amount', accounts.models.fields.NumericField(digits=38, help_text='Of the budget, at that time.', places=14)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('budget', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='inventory.budget')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=255)),
                ('kind', models.CharField(choices=[('resources', 'Resources'), ('costs', 'Costs')], max_length=16)),
                ('filter', models.CharField(blank=True, max_length=2000)),
                ('group_by', models.CharField(blank=True, help_text='As of /costs/analytics.', max_length=2000)),
                ('actor', models.CharField(editable=False, max_length=320)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='AnomalyFeedback',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('currency', models.CharField(max_length=3)),
                ('service', accounts.models.fields.ByteOrderedCharField(blank=True, max_length=255)),
                ('account', accounts.models.fields.ByteOrderedCharField(blank=True, max_length=255)),
                ('day', models.DateField()),
                ('status', models.CharField(choices=[('open', 'Open'), ('acknowledged', 'Acknowledged'), ('expected', 'Expected'), ('resolved', 'Resolved')], max_length=16)),
                ('daily_impact', accounts.models.fields.NumericField(digits=38, help_text='What a day differed by on the average.', places=14)),
                ('note', models.CharField(blank=True, max_length=2000)),
                ('actor', models.CharField(max_length=320)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
            ],
            options={
                'ordering': ['-day', '-id'],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'currency', 'service', 'account', 'day'), name='anomaly_feedback_once')],
            },
        ),
        migrations.CreateModel(
            name='AnomalyThresholds',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('deviations', models.PositiveSmallIntegerField(default=35, help_text='Tenths of a median absolute deviation: 35 is 3.5.', validators=[django.core.validators.MinValueValidator(10), django.core.validators.MaxValueValidator(200)])),
                ('percent', models.PositiveSmallIntegerField(default=15, help_text='Of what was expected, at least.', validators=[django.core.validators.MaxValueValidator(1000)])),
                ('minimum', accounts.models.fields.NumericField(default=Decimal('10'), digits=38, help_text="The least difference, in the costs' currency.", places=14)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
            ],
            options={
                'verbose_name_plural': 'anomaly thresholds',
                'ordering': ['tenant__slug'],
                'constraints': [models.UniqueConstraint(fields=('tenant',), name='anomaly_thresholds_once')],
            },
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.UniqueConstraint(fields=('tenant', 'name'), name='budget_once'),
        ),
        migrations.AddConstraint(
            model_name='budgetnotice',
            constraint=models.UniqueConstraint(fields=('tenant', 'budget', 'period_start', 'of', 'percent'), name='budget_notice_once'),
        ),
        migrations.AddConstraint(
            model_name='savedview',
            constraint=models.UniqueConstraint(fields=('tenant', 'kind', 'name'), name='saved_view_once'),
        ),
    ]
