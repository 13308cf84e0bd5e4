import accounts.models.fields
import django.core.validators
import django.db.models.deletion
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_squashed'),
        ('inventory', '0002_resources_by_tag'),
    ]

    operations = [
        migrations.CreateModel(
            name='ExchangeRate',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('currency', accounts.models.fields.ByteOrderedCharField(max_length=3, validators=[django.core.validators.RegexValidator('^[A-Z]{3}$', 'Give an ISO 4217 code such as EUR.')])),
                ('to_currency', accounts.models.fields.ByteOrderedCharField(max_length=3, validators=[django.core.validators.RegexValidator('^[A-Z]{3}$', 'Give an ISO 4217 code such as EUR.')])),
                ('valid_from', models.DateField(help_text='The first day (UTC) of charges that it is for.')),
                ('rate', accounts.models.fields.NumericField(digits=38, places=18)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
            ],
            options={
                'ordering': ['currency', 'to_currency', '-valid_from'],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'to_currency', 'currency', 'valid_from'), name='exchange_rate_once'), models.CheckConstraint(condition=models.Q(('currency', models.F('to_currency')), _negated=True), name='exchange_rate_of_two')],
            },
        ),
    ]
