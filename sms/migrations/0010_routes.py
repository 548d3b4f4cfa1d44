import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sms', '0009_smaller_keys'),
    ]

    operations = [
        # Beside many millions of messages an index takes longer than any other statement may.
        migrations.RunSQL('SET LOCAL statement_timeout = 0', migrations.RunSQL.noop),
        migrations.CreateModel(
            name='Route',
            fields=[
                ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=32, unique=True)),
                ('kind', models.CharField(max_length=32)),
                ('options', models.JSONField(blank=True, default=dict)),
                ('credentials', models.BinaryField(default=b'')),
                ('is_paused', models.BooleanField(default=False)),
                ('sender_ids', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=16), blank=True, default=list, size=None)),
                ('countries', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=2), blank=True, default=list, size=None)),
                ('prefixes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=15), blank=True, default=list, size=None)),
                ('priorities', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), blank=True, default=list, size=None)),
                ('weight', models.PositiveSmallIntegerField(default=100)),
                ('health', models.PositiveSmallIntegerField(default=100)),
                ('price', models.DecimalField(blank=True, decimal_places=6, max_digits=12, null=True)),
                ('currency', models.CharField(blank=True, default='', max_length=3)),
                ('throughput', models.PositiveIntegerField(blank=True, null=True)),
                ('opens_at', models.TimeField(blank=True, null=True)),
                ('closes_at', models.TimeField(blank=True, null=True)),
                ('time_zone', models.CharField(default='UTC', max_length=40)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='InboundMessage',
            fields=[
                ('answers', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, to='sms.message')),
                ('account', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='sms.account')),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('provider', models.CharField(max_length=32)),
                ('provider_reference', models.CharField(max_length=255)),
                ('sender', models.CharField(max_length=32)),
                ('recipient', models.CharField(max_length=32)),
                ('text', models.TextField()),
                ('keyword', models.CharField(max_length=32, null=True)),
                ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('body_discarded_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='InboundPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.CharField(max_length=32)),
                ('sender', models.CharField(max_length=32)),
                ('recipient', models.CharField(max_length=32)),
                ('reference', models.CharField(max_length=64)),
                ('number', models.SmallIntegerField()),
                ('total', models.SmallIntegerField()),
                ('provider_reference', models.CharField(max_length=255)),
                ('text', models.TextField()),
                ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='OptOut',
            fields=[
                ('inbound', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, to='sms.inboundmessage')),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='sms.account')),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('recipient', models.CharField(max_length=16)),
                ('sender_id', models.CharField(blank=True, default='', max_length=16)),
                ('reason', models.CharField(max_length=255)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='RouteBreaker',
            fields=[
                ('route', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='sms.route')),
                ('pk', models.CompositePrimaryKey('route', 'country', blank=True, editable=False, primary_key=True, serialize=False)),
                ('country', models.CharField(max_length=3)),
                ('opened_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('probe_at', models.DateTimeField()),
                ('tries', models.SmallIntegerField(default=0)),
                ('reason', models.CharField(max_length=255)),
            ],
        ),
        migrations.CreateModel(
            name='RouteChange',
            fields=[
                ('route', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='sms.route')),
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('by', models.CharField(max_length=100)),
                ('what', models.CharField(max_length=255)),
                ('reason', models.CharField(max_length=255)),
            ],
        ),
        migrations.CreateModel(
            name='Spend',
            fields=[
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='sms.account')),
                ('pk', models.CompositePrimaryKey('account', 'day', 'route', 'currency', 'slot', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('route', models.CharField(max_length=32)),
                ('currency', models.CharField(max_length=3)),
                ('slot', models.SmallIntegerField()),
                ('messages', models.BigIntegerField()),
                ('segments', models.BigIntegerField()),
                ('amount', models.DecimalField(decimal_places=6, max_digits=18)),
            ],
        ),
        migrations.AddIndex(
            model_name='spend',
            index=models.Index(condition=models.Q(('slot__gte', 0)), fields=['day'], name='spend_to_add_up'),
        ),
        # Room to update in place, as in sms_usage.
        migrations.RunSQL('ALTER TABLE sms_spend SET (fillfactor = 50)', migrations.RunSQL.noop),
        migrations.RemoveIndex(
            model_name='dispatchentry',
            name='dispatch_due',
        ),
        migrations.AddField(
            model_name='account',
            name='budget',
            field=models.DecimalField(blank=True, decimal_places=2, max_digits=14, null=True),
        ),
        migrations.AddField(
            model_name='account',
            name='budget_currency',
            field=models.CharField(blank=True, default='', max_length=3),
        ),
        migrations.AddField(
            model_name='account',
            name='opt_in_keywords',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), blank=True, default=list, size=None),
        ),
        migrations.AddField(
            model_name='account',
            name='opt_out_keywords',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), blank=True, default=list, size=None),
        ),
        migrations.AddField(
            model_name='account',
            name='opt_out_reply',
            field=models.CharField(blank=True, default='', max_length=480),
        ),
        migrations.AddField(
            model_name='dispatchentry',
            name='reason',
            field=models.CharField(max_length=255, null=True),
        ),
        migrations.AddField(
            model_name='dispatchentry',
            name='route_id',
            field=models.SmallIntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name='message',
            name='charged_on',
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='charged_to',
            field=models.CharField(max_length=32, null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='currency',
            field=models.CharField(max_length=3, null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='price',
            field=models.DecimalField(decimal_places=6, max_digits=14, null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='price_is_estimate',
            field=models.BooleanField(null=True),
        ),
        migrations.AddField(
            model_name='receipt',
            name='currency',
            field=models.CharField(max_length=3, null=True),
        ),
        migrations.AddField(
            model_name='receipt',
            name='price',
            field=models.DecimalField(decimal_places=6, max_digits=14, null=True),
        ),
        migrations.AddField(
            model_name='submitattempt',
            name='reason',
            field=models.CharField(max_length=255, null=True),
        ),
        migrations.AddIndex(
            model_name='dispatchentry',
            index=models.Index(models.F('route_id'), models.F('priority'), models.F('due_at'), condition=models.Q(('lease', None), ('purpose', 1)), name='dispatch_due'),
        ),
        migrations.AddIndex(
            model_name='inboundpart',
            index=models.Index(fields=['received_at'], name='inbound_part_age'),
        ),
        migrations.AddConstraint(
            model_name='inboundpart',
            constraint=models.UniqueConstraint(models.F('provider'), models.F('sender'), models.F('recipient'), models.F('reference'), models.F('number'), name='inbound_part_once'),
        ),
        migrations.AddIndex(
            model_name='inboundmessage',
            index=models.Index(condition=models.Q(('account__isnull', False)), fields=['account', 'id'], name='inbound_by_account'),
        ),
        migrations.AddIndex(
            model_name='inboundmessage',
            index=models.Index(fields=['sender', 'id'], name='inbound_by_sender'),
        ),
        migrations.AddConstraint(
            model_name='inboundmessage',
            constraint=models.UniqueConstraint(models.F('provider'), models.F('provider_reference'), name='inbound_once'),
        ),
        migrations.AddIndex(
            model_name='optout',
            index=models.Index(fields=['account', 'id'], name='opt_out_by_account'),
        ),
        migrations.AddConstraint(
            model_name='optout',
            constraint=models.UniqueConstraint(models.F('account'), models.F('recipient'), models.F('sender_id'), name='opt_out_once'),
        ),
    ]
