import accounts.models.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import inventory.models.automation
import uuid_utils.compat
from decimal import Decimal
from django.db import migrations, models

from accounts.creating import CreateModels


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0007_guests_mail_and_second_factors'),
        ('inventory', '0002_resources_by_tag'),
    ]

    operations = [
        migrations.AddField(
            model_name='resource',
            name='details',
            field=accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, default=dict, encoder=accounts.models.fields.ExactJSONEncoder, help_text='What else it is said to be, e.g. {"size": "m5.large"}.'),
        ),
        migrations.AlterField(
            model_name='resource',
            name='utilization',
            field=accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, default=dict, encoder=accounts.models.fields.ExactJSONEncoder, help_text='Figures, e.g. {"cpu": 3.5, "memory": 40}.'),
        ),
        CreateModels([
            migrations.CreateModel(
                name='AllocationRule',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('name', models.CharField(max_length=255)),
                    ('priority', models.PositiveIntegerField(default=100, help_text='The lowest goes first.', validators=[django.core.validators.MinValueValidator(1)])),
                    ('filter', models.CharField(max_length=2000)),
                    ('method', models.CharField(choices=[('even', 'Even'), ('proportional', 'Proportional'), ('fixed', 'Fixed')], default='even', max_length=16)),
                    ('is_active', models.BooleanField(default=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                ],
                options={
                    'ordering': ['priority', 'id'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='allocation_rule_once')],
                },
            ),
            migrations.CreateModel(
                name='AutomationRule',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('name', models.CharField(max_length=255)),
                    ('rule_type', models.CharField(blank=True, help_text='A word for people.', max_length=63)),
                    ('is_enabled', models.BooleanField(default=True)),
                    ('trigger', models.JSONField(default=inventory.models.automation.manual)),
                    ('filter', models.CharField(blank=True, max_length=2000)),
                    ('match_criteria', accounts.models.fields.ExactJSONField(blank=True, decoder=accounts.models.fields.ExactJSONDecoder, default=dict, encoder=accounts.models.fields.ExactJSONEncoder, help_text='Such as {"tag:env": "dev"}.')),
                    ('actions', models.JSONField(default=list)),
                    ('max_targets', models.PositiveIntegerField(default=10, help_text='More resources to change than this, and nothing is done.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10000)])),
                    ('max_percent', models.PositiveSmallIntegerField(default=20, help_text="The same of the tenant's resources; one is always allowed.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)])),
                    ('requires_approval', models.BooleanField(default=True, help_text='By a second person.')),
                    ('version', models.PositiveIntegerField(default=1, help_text='Goes up with each change; older plans end.')),
                    ('created_by', models.CharField(max_length=320)),
                    ('changed_by', models.CharField(help_text='Who last changed what it does.', max_length=320)),
                    ('authors', models.JSONField(default=list, help_text='Ids of all who wrote it: they approve nothing of it.')),
                    ('seen_seq', models.BigIntegerField(default=0, help_text='Of the activity: what it has looked at.')),
                    ('fired_at', models.DateTimeField(blank=True, help_text='The last moment that it was due for.', null=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                ],
                options={
                    'ordering': ['-id'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='automation_rule_once')],
                },
            ),
            migrations.CreateModel(
                name='AutomationRun',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('rule', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='inventory.automationrule')),
                    ('state', models.CharField(choices=[('waiting', 'waiting for approval'), ('approved', 'Approved'), ('running', 'Running'), ('completed', 'Completed'), ('refused', 'Refused'), ('rejected', 'Rejected'), ('expired', 'Expired')], max_length=16)),
                    ('cause', models.CharField(help_text='Why it was planned.', max_length=255)),
                    ('rule_version', models.PositiveIntegerField()),
                    ('definition', accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, default=dict, encoder=accounts.models.fields.ExactJSONEncoder, help_text='What of the rule the plan was made by.')),
                    ('hash', models.CharField(help_text='SHA-256 of the plan, in hexadecimal.', max_length=64)),
                    ('matched', models.PositiveIntegerField(default=0, help_text='Resources; more than the plan holds if refused.')),
                    ('fleet', models.PositiveIntegerField(default=0, help_text='All resources of the tenant at that time.')),
                    ('undoes', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='undone_by', to='inventory.automationrun')),
                    ('planned_by', models.CharField(max_length=320)),
                    ('barred', models.JSONField(default=list, help_text='Ids of the people who wrote the rule or the plan.')),
                    ('decided_by', models.CharField(blank=True, help_text='Who approved or rejected it.', max_length=320)),
                    ('decided_at', models.DateTimeField(blank=True, null=True)),
                    ('expires_at', models.DateTimeField(help_text='Not begun by then, it never is.')),
                    ('next_step_at', models.DateTimeField(blank=True, null=True)),
                    ('message', models.CharField(blank=True, help_text='Why it ended as it did.', max_length=2000)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                ],
                options={
                    'ordering': ['-id'],
                    'indexes': [models.Index(fields=['rule', '-id'], name='automation_run_of'), models.Index(condition=models.Q(('next_step_at__isnull', False)), fields=['next_step_at'], name='automation_run_due')],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'undoes'), name='automation_run_undone_once')],
                },
            ),
            migrations.CreateModel(
                name='AutomationTarget',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='targets', to='inventory.automationrun')),
                    ('position', models.PositiveIntegerField()),
                    ('action', accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, default=dict, encoder=accounts.models.fields.ExactJSONEncoder)),
                    ('resource', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='inventory.resource')),
                    ('provider', accounts.models.fields.ByteOrderedCharField(blank=True, max_length=32)),
                    ('native_id', accounts.models.fields.ByteOrderedCharField(blank=True, help_text='What the provider calls it.', max_length=600)),
                    ('name', models.CharField(blank=True, max_length=255)),
                    ('why', models.TextField(help_text='What of the resource met the conditions.')),
                    ('expects', accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, default=dict, encoder=accounts.models.fields.ExactJSONEncoder, help_text='What must still be so when it is acted on.')),
                    ('state', models.CharField(choices=[('planned', 'Planned'), ('acting', 'Acting'), ('done', 'Done'), ('skipped', 'Skipped'), ('failed', 'Failed')], default='planned', max_length=16)),
                    ('attempts', models.PositiveIntegerField(default=0, help_text='Calls to the provider.')),
                    ('receipt', models.CharField(blank=True, max_length=255)),
                    ('result', models.CharField(blank=True, max_length=2000)),
                    ('inverse', accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, encoder=accounts.models.fields.ExactJSONEncoder, help_text='The action that takes it back.', null=True)),
                    ('acted_at', models.DateTimeField(blank=True, null=True)),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                ],
                options={
                    'ordering': ['position'],
                    'constraints': [models.UniqueConstraint(fields=('run', 'position', 'tenant'), name='automation_target_once')],
                },
            ),
            migrations.CreateModel(
                name='Folder',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('parent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='children', to='inventory.folder')),
                    ('name', models.CharField(max_length=255)),
                    ('description', models.CharField(blank=True, max_length=2000)),
                    ('owner', models.CharField(blank=True, help_text='Whom to ask; it gives no right.', max_length=254)),
                    ('creator', models.CharField(blank=True, editable=False, help_text='Always in.', max_length=254)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                ],
                options={
                    'ordering': ['id'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'parent', 'name'), name='folder_once'), models.UniqueConstraint(condition=models.Q(('parent', None)), fields=('tenant', 'name'), name='folder_at_top_once')],
                },
            ),
            migrations.CreateModel(
                name='FolderPermission',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('folder', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='permissions', to='inventory.folder')),
                    ('email', models.EmailField(help_text='In lower case.', max_length=254)),
                    ('level', models.CharField(choices=[('view', 'View'), ('edit', 'Edit'), ('manage', 'Manage')], default='view', max_length=8)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                ],
                options={
                    'ordering': ['email'],
                    'indexes': [models.Index(fields=['tenant', 'email'], name='folder_permission_of')],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'folder', 'email'), name='folder_permission_once')],
                },
            ),
            migrations.CreateModel(
                name='Product',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('folder', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='products', to='inventory.folder')),
                    ('name', models.CharField(max_length=255)),
                    ('description', models.CharField(blank=True, max_length=2000)),
                    ('owner', models.CharField(blank=True, help_text='Whom to ask; it gives no right.', max_length=254)),
                    ('resource_filter', models.CharField(blank=True, max_length=2000)),
                    ('cost_filter', models.CharField(blank=True, max_length=2000)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                ],
                options={
                    'ordering': ['id'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'folder', 'name'), name='product_once')],
                },
            ),
            migrations.CreateModel(
                name='AllocationTarget',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('rule', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='targets', to='inventory.allocationrule')),
                    ('folder', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.folder')),
                    ('product', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.product')),
                    ('share', accounts.models.fields.NumericField(blank=True, digits=38, help_text='In percent.', null=True, places=14)),
                ],
                options={
                    'ordering': ['id'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'rule', 'folder'), name='allocation_folder_once'), models.UniqueConstraint(fields=('tenant', 'rule', 'product'), name='allocation_product_once'), models.CheckConstraint(condition=models.Q(models.Q(('folder', None), ('product__isnull', False)), models.Q(('folder__isnull', False), ('product', None)), _connector='OR'), name='allocation_target_one')],
                },
            ),
            migrations.CreateModel(
                name='ProductCharge',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('product', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='given_charges', to='inventory.product')),
                    ('charge', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='inventory.charge')),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'charge'), name='product_charge_once')],
                },
            ),
            migrations.CreateModel(
                name='ProductResource',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('product', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='given_resources', to='inventory.product')),
                    ('resource', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='inventory.resource')),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'resource'), name='product_resource_once')],
                },
            ),
            migrations.CreateModel(
                name='Recommendation',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('rule', accounts.models.fields.ByteOrderedCharField(max_length=64)),
                    ('subject', models.UUIDField()),
                    ('resource', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='recommendations', to='inventory.resource')),
                    ('provider', accounts.models.fields.ByteOrderedCharField(blank=True, max_length=32)),
                    ('native_id', accounts.models.fields.ByteOrderedCharField(blank=True, help_text='What the provider calls the subject.', max_length=600)),
                    ('recommendation_type', models.CharField(max_length=32)),
                    ('priority', models.CharField(choices=[('low', 'Low'), ('medium', 'Medium'), ('high', 'High'), ('critical', 'Critical')], default='medium', max_length=8)),
                    ('risk', models.CharField(choices=[('low', 'Low'), ('medium', 'Medium'), ('high', 'High')], default='low', max_length=8)),
                    ('confidence', models.CharField(choices=[('low', 'Low'), ('medium', 'Medium'), ('high', 'High')], default='high', max_length=8)),
                    ('saving_monthly', accounts.models.fields.NumericField(default=Decimal('0'), digits=38, places=14)),
                    ('currency', accounts.models.fields.ByteOrderedCharField(blank=True, max_length=3)),
                    ('basis', models.CharField(blank=True, help_text='What the saving was reckoned from.', max_length=32)),
                    ('description', models.CharField(max_length=2000)),
                    ('action_items', models.JSONField(default=list)),
                    ('evidence', accounts.models.fields.ExactJSONField(decoder=accounts.models.fields.ExactJSONDecoder, default=dict, encoder=accounts.models.fields.ExactJSONEncoder)),
                    ('missing', models.JSONField(default=list)),
                    ('status', models.CharField(choices=[('open', 'Open'), ('snoozed', 'Snoozed'), ('dismissed', 'Dismissed'), ('done', 'Done'), ('closed', 'closed: no longer so')], default='open', max_length=16)),
                    ('status_reason', models.CharField(blank=True, max_length=2000)),
                    ('status_by', models.CharField(blank=True, max_length=320)),
                    ('status_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('snoozed_until', models.DateTimeField(null=True)),
                    ('opened_at', models.DateTimeField(default=django.utils.timezone.now, help_text='When it was last opened.')),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ],
                options={
                    'ordering': ['-id'],
                    'indexes': [models.Index(fields=['tenant', 'status', '-id'], name='recommendation_newest')],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'rule', 'subject'), name='recommendation_once')],
                },
            ),
            migrations.CreateModel(
                name='RealisedSaving',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('recommendation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='realised', to='inventory.recommendation')),
                    ('done_on', models.DateField()),
                    ('days', models.PositiveSmallIntegerField()),
                    ('currency', accounts.models.fields.ByteOrderedCharField(max_length=3)),
                    ('expected', accounts.models.fields.NumericField(digits=38, places=14)),
                    ('before', accounts.models.fields.NumericField(digits=38, null=True, places=14)),
                    ('after', accounts.models.fields.NumericField(digits=38, null=True, places=14)),
                    ('saving_monthly', accounts.models.fields.NumericField(digits=38, null=True, places=14)),
                    ('checked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ],
                options={
                    'ordering': ['-id'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'recommendation', 'done_on', 'days'), name='realised_saving_once')],
                },
            ),
            migrations.CreateModel(
                name='RecommendationRun',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('state', models.CharField(choices=[('running', 'Running'), ('done', 'Done'), ('failed', 'Failed')], default='running', max_length=8)),
                    ('actor', models.CharField(max_length=320)),
                    ('started_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('finished_at', models.DateTimeField(null=True)),
                    ('costs_through', models.DateField(help_text='The last complete day of costs.', null=True)),
                    ('resources', models.PositiveIntegerField(default=0)),
                    ('opened', models.PositiveIntegerField(default=0)),
                    ('updated', models.PositiveIntegerField(default=0)),
                    ('closed', models.PositiveIntegerField(default=0)),
                    ('verdicts', models.JSONField(default=dict)),
                    ('message', models.CharField(blank=True, max_length=2000)),
                ],
                options={
                    'ordering': ['-id'],
                    'indexes': [models.Index(fields=['tenant', '-id'], name='recommendation_run_newest')],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'running')), fields=('tenant',), name='recommendation_run_once')],
                },
            ),
            migrations.CreateModel(
                name='RuleSetting',
                fields=[
                    ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                    ('rule', accounts.models.fields.ByteOrderedCharField(max_length=64)),
                    ('is_enabled', models.BooleanField(default=True)),
                    ('thresholds', accounts.models.fields.ExactJSONField(blank=True, decoder=accounts.models.fields.ExactJSONDecoder, default=dict, encoder=accounts.models.fields.ExactJSONEncoder)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                ],
                options={
                    'ordering': ['tenant__slug', 'rule'],
                    'constraints': [models.UniqueConstraint(fields=('tenant', 'rule'), name='rule_setting_once')],
                },
            ),
        ]),
    ]
