import accounts.models.deliveries
import accounts.models.keys
import accounts.models.tenancy
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

from accounts.creating import CreateModels


class Migration(migrations.Migration):

    replaces = [('accounts', '0001_initial'), ('accounts', '0002_usernames_any_case'), ('accounts', '0003_rate_limits_from_one'), ('accounts', '0004_idempotent_calls'), ('accounts', '0005_webhooks_and_outbox'), ('accounts', '0006_webhooks_rest')]

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        CreateModels([
            migrations.CreateModel(
                name='Tenant',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('slug', models.SlugField(max_length=63, unique=True)),
                    ('name', models.CharField(max_length=255)),
                    ('timezone', models.CharField(default='UTC', max_length=63, validators=[accounts.models.tenancy.validate_time_zone])),
                    ('currency', models.CharField(default='USD', max_length=3, validators=[django.core.validators.RegexValidator('^[A-Z]{3}$', 'Give an ISO 4217 code such as EUR.')])),
                    ('contact_email', models.EmailField(blank=True, max_length=254)),
                    ('cors_origins', models.JSONField(blank=True, default=list, validators=[accounts.models.tenancy.validate_origins])),
                    ('rate_limit', models.PositiveIntegerField(blank=True, help_text="Requests per minute of the whole tenant; empty: the setting's.", null=True, validators=[django.core.validators.MinValueValidator(1)])),
                    ('is_active', models.BooleanField(default=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                ],
                options={
                    'ordering': ['slug'],
                },
            ),
            migrations.CreateModel(
                name='Webhook',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('url', models.CharField(max_length=2048, verbose_name='URL')),
                    ('events', models.JSONField(default=accounts.models.deliveries.every_event, help_text='Event types, e.g. ["api_key.*"].', validators=[accounts.models.deliveries.validate_patterns])),
                    ('description', models.CharField(blank=True, max_length=255)),
                    ('is_active', models.BooleanField(default=True)),
                    ('secret', models.TextField(editable=False)),
                    ('previous_secret', models.TextField(blank=True, editable=False)),
                    ('previous_secret_until', models.DateTimeField(editable=False, null=True)),
                    ('failures', models.PositiveIntegerField(default=0, editable=False, help_text='Failed attempts since a message last arrived.')),
                    ('resting_until', models.DateTimeField(editable=False, null=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='Delivery',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(help_text="Empty: the platform's own.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('kind', models.CharField(choices=[('webhook', 'Webhook'), ('mail', 'Mail')], max_length=16)),
                    ('webhook', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='deliveries', to='accounts.webhook')),
                    ('target', models.CharField(help_text='A URL or an e-mail address.', max_length=2048)),
                    ('event_type', models.CharField(max_length=64)),
                    ('payload', models.JSONField(default=dict)),
                    ('state', models.CharField(choices=[('pending', 'Pending'), ('delivered', 'Delivered'), ('failed', 'Failed')], default='pending', max_length=16)),
                    ('attempts', models.PositiveIntegerField(default=0)),
                    ('next_attempt_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('last_status', models.PositiveIntegerField(help_text='The HTTP status of the last answer.', null=True)),
                    ('last_error', models.CharField(blank=True, max_length=500)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('delivered_at', models.DateTimeField(null=True)),
                ],
                options={
                    'verbose_name_plural': 'deliveries',
                    'ordering': ['-id'],
                    'indexes': [models.Index(condition=models.Q(('state', 'pending')), fields=['next_attempt_at'], name='delivery_due'), models.Index(fields=['webhook', '-id'], name='delivery_of_webhook'), models.Index(fields=['created_at'], name='delivery_age')],
                },
            ),
            migrations.CreateModel(
                name='IdempotentCall',
                fields=[
                    ('id', models.CharField(help_text='Keyed hash of tenant, caller and key.', max_length=64, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('actor', models.CharField(max_length=320)),
                    ('fingerprint', models.CharField(help_text='Keyed hash of what was asked.', max_length=64)),
                    ('status', models.PositiveSmallIntegerField(null=True)),
                    ('headers', models.JSONField(default=dict)),
                    ('body', models.BinaryField(null=True)),
                    ('started_at', models.DateTimeField(db_index=True)),
                ],
                options={
                    'ordering': ['-started_at'],
                },
            ),
            migrations.CreateModel(
                name='AuditEntry',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('at', models.DateTimeField(auto_now_add=True)),
                    ('actor', models.CharField(help_text='user:<email>, key:<prefix>, master or system', max_length=320)),
                    ('action', models.CharField(help_text='<noun>.<verb>', max_length=64)),
                    ('object_type', models.CharField(blank=True, max_length=64)),
                    ('object_id', models.CharField(blank=True, max_length=255)),
                    ('changes', models.JSONField(default=dict, help_text='Field → [before, after]; never a secret.')),
                    ('address', models.GenericIPAddressField(null=True)),
                    ('request_id', models.CharField(blank=True, max_length=64)),
                ],
                options={
                    'verbose_name_plural': 'audit entries',
                    'ordering': ['-id'],
                    'indexes': [models.Index(fields=['tenant', '-at'], name='audit_tenant_at'), models.Index(fields=['object_type', 'object_id'], name='audit_object')],
                },
            ),
            migrations.CreateModel(
                name='ActivityCounter',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.tenant')),
                    ('last_seq', models.BigIntegerField(default=0)),
                ],
                options={
                    'abstract': False,
                },
            ),
            migrations.CreateModel(
                name='ActivityEntry',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('seq', models.BigIntegerField()),
                    ('type', models.CharField(max_length=64)),
                    ('ts', models.DateTimeField()),
                    ('actor', models.CharField(blank=True, max_length=320)),
                    ('payload', models.JSONField(default=dict)),
                ],
                options={
                    'verbose_name_plural': 'activity entries',
                    'ordering': ['-seq'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'seq'), name='activity_seq_once')],
                },
            ),
            migrations.CreateModel(
                name='User',
                fields=[
                    ('password', models.CharField(max_length=128, verbose_name='password')),
                    ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                    ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('email', models.EmailField(max_length=254, unique=True)),
                    ('username', models.CharField(blank=True, max_length=150, null=True, validators=[django.core.validators.RegexValidator('^[\\w.+\\-]{2,150}\\Z', 'Use 2 to 150 letters, digits, dots, dashes, plus signs or underscores.')])),
                    ('first_name', models.CharField(blank=True, max_length=150)),
                    ('last_name', models.CharField(blank=True, max_length=150)),
                    ('employee_id', models.CharField(blank=True, max_length=64)),
                    ('job_title', models.CharField(blank=True, max_length=150)),
                    ('timezone', models.CharField(default='UTC', max_length=63, validators=[accounts.models.tenancy.validate_time_zone])),
                    ('email_verified', models.BooleanField(default=False)),
                    ('is_staff', models.BooleanField(default=False, verbose_name='platform staff')),
                    ('is_active', models.BooleanField(default=True)),
                    ('deactivated_at', models.DateTimeField(blank=True, editable=False, null=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                    ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                    ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
                ],
                options={
                    'ordering': ['email'],
                    'constraints': [models.UniqueConstraint(django.db.models.functions.text.Lower('email'), name='user_email_any_case'), models.UniqueConstraint(django.db.models.functions.text.Lower('username'), name='user_username_any_case')],
                },
            ),
            migrations.CreateModel(
                name='Membership',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='accounts.tenant')),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                    ('role', models.CharField(choices=[('owner', 'Owner'), ('admin', 'Admin'), ('member', 'Member'), ('viewer', 'Viewer')], default='member', max_length=16)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                ],
                options={
                    'ordering': ['created_at'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'user'), name='membership_once'), models.CheckConstraint(condition=models.Q(('role__in', ['owner', 'admin', 'member', 'viewer'])), name='membership_role')],
                },
            ),
            migrations.CreateModel(
                name='ApiKey',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('name', models.CharField(max_length=255)),
                    ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='api_keys', to=settings.AUTH_USER_MODEL)),
                    ('prefix', models.CharField(db_index=True, editable=False, max_length=12)),
                    ('key_hash', models.CharField(editable=False, max_length=64)),
                    ('scopes', models.JSONField(default=list, validators=[accounts.models.keys.validate_scopes])),
                    ('rate_limit', models.PositiveIntegerField(blank=True, help_text="Requests per minute of this key; empty: the setting's.", null=True, validators=[django.core.validators.MinValueValidator(1)])),
                    ('expires_at', models.DateTimeField(blank=True, null=True)),
                    ('revoked_at', models.DateTimeField(blank=True, editable=False, null=True)),
                    ('last_used_at', models.DateTimeField(blank=True, editable=False, null=True)),
                    ('rotated_from', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='successors', to='accounts.apikey')),
                    ('created_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                ],
                options={
                    'verbose_name': 'API key',
                    'verbose_name_plural': 'API keys',
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'key_hash'), name='api_key_once')],
                },
            ),
            migrations.CreateModel(
                name='RefreshToken',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, help_text="The token's jti.", primary_key=True, serialize=False)),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='refresh_tokens', to=settings.AUTH_USER_MODEL)),
                    ('family', models.UUIDField(db_index=True)),
                    ('expires_at', models.DateTimeField(db_index=True)),
                    ('used_at', models.DateTimeField(blank=True, null=True)),
                    ('revoked_at', models.DateTimeField(blank=True, null=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='FederatedIdentity',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('issuer', models.CharField(max_length=255)),
                    ('subject', models.CharField(max_length=255)),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='identities', to=settings.AUTH_USER_MODEL)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                ],
                options={
                    'verbose_name_plural': 'federated identities',
                    'constraints': [models.UniqueConstraint(fields=('issuer', 'subject'), name='identity_once')],
                },
            ),
        ]),
    ]
