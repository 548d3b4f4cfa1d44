import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import sms.models.messages
import uuid_utils.compat
from django.db import migrations, models


# Which of some messages an opt-out keeps back: see sms/services/opt_outs.py. It has to be volatile: then each of its
# queries sees what was committed while it waited for the locks. Its plans are kept by each connection.
KEPT_BACK = """
CREATE FUNCTION sms_opt_out_lock(account uuid) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT hashtextextended(account::text, 8) $$;
CREATE FUNCTION sms_kept_back(ids uuid[], accounts uuid[], recipients text[], senders text[], tests boolean[])
RETURNS SETOF uuid LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    owners uuid[] := ARRAY(SELECT DISTINCT unnest(accounts) ORDER BY 1);
    owner uuid;
BEGIN
    FOREACH owner IN ARRAY owners LOOP
        PERFORM pg_advisory_xact_lock_shared(sms_opt_out_lock(owner));
    END LOOP;
    IF EXISTS (SELECT FROM sms_optout WHERE account_id = ANY (owners)) THEN
        RETURN QUERY
        SELECT m.id FROM unnest(ids, accounts, recipients, senders, tests)
                         AS m (id, account_id, recipient, sender_id, is_test)
        JOIN sms_optout o ON o.account_id = m.account_id AND o.recipient = m.recipient
                             AND o.sender_id IN ('', m.sender_id) AND o.is_test = m.is_test
        GROUP BY m.id HAVING bool_and(o.reply_id IS DISTINCT FROM m.id);
    END IF;
END $$;
CREATE FUNCTION sms_no_opt_outs(accounts uuid[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    owner uuid;
BEGIN
    FOR owner IN SELECT unnest(accounts) ORDER BY 1 LOOP
        PERFORM pg_advisory_xact_lock_shared(sms_opt_out_lock(owner));
    END LOOP;
    IF EXISTS (SELECT FROM sms_optout WHERE account_id = ANY (accounts)) THEN
        RAISE EXCEPTION 'there are opt-outs' USING ERRCODE = '23U01';
    END IF;
END $$;
"""
NO_KEPT_BACK = """
DROP FUNCTION sms_no_opt_outs(uuid[]);
DROP FUNCTION sms_kept_back(uuid[], uuid[], text[], text[], boolean[]);
DROP FUNCTION sms_opt_out_lock(uuid);
"""


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
                ('health_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('usual_delivery', models.FloatField(blank=True, null=True)),
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
                ('answers', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='replies', to='sms.message')),
                ('account', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='sms.account')),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('provider', models.CharField(max_length=32)),
                ('provider_reference', models.CharField(max_length=255)),
                ('sender', models.CharField(max_length=32)),
                ('recipient', models.CharField(max_length=32)),
                ('text', models.TextField()),
                ('is_complete', models.BooleanField(db_default=True)),
                ('keyword', models.CharField(max_length=32, null=True)),
                ('is_test', models.BooleanField(db_default=False)),
                ('sent_at', models.DateTimeField(null=True)),
                ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('body_discarded_at', models.DateTimeField(null=True)),
                ('position', models.BigIntegerField(db_default=sms.models.messages.CurrentPosition())),
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
                ('sent_at', models.DateTimeField(null=True)),
                ('is_joined', models.BooleanField(db_default=False)),
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
                ('is_test', models.BooleanField(db_default=False)),
                ('reason', models.CharField(max_length=255)),
                ('reply_id', models.UUIDField(null=True)),
                ('reply_sender_id', models.CharField(max_length=16, null=True)),
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
            field=models.CharField(blank=True, db_default='', default='', max_length=3),
        ),
        migrations.AddField(
            model_name='account',
            name='opt_in_keywords',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), blank=True, db_default=[], default=list, size=None),
        ),
        migrations.AddField(
            model_name='account',
            name='opt_out_keywords',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), blank=True, db_default=[], default=list, size=None),
        ),
        migrations.AddField(
            model_name='account',
            name='opt_out_reply',
            field=models.CharField(blank=True, db_default='', default='', max_length=480),
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
            index=models.Index(condition=models.Q(('is_joined', False)), fields=['provider', 'sender', 'recipient', 'reference', 'total'], name='inbound_part_open'),
        ),
        migrations.AddIndex(
            model_name='inboundpart',
            index=models.Index(fields=['received_at'], name='inbound_part_age'),
        ),
        migrations.AddConstraint(
            model_name='inboundpart',
            constraint=models.UniqueConstraint(models.F('provider'), models.F('provider_reference'), models.F('number'), name='inbound_part_once'),
        ),
        migrations.AddIndex(
            model_name='inboundmessage',
            index=models.Index(condition=models.Q(('account__isnull', False)), fields=['account', 'id'], name='inbound_by_account'),
        ),
        migrations.AddIndex(
            model_name='inboundmessage',
            index=models.Index(condition=models.Q(('account__isnull', False)), fields=['account', 'position', 'id'], name='inbound_feed'),
        ),
        migrations.AddIndex(
            model_name='inboundmessage',
            index=models.Index(fields=['sender', 'account', 'id'], name='inbound_by_sender'),
        ),
        migrations.AddIndex(
            model_name='inboundmessage',
            index=models.Index(condition=models.Q(('account', None)), fields=['id'], name='inbound_of_nobody'),
        ),
        migrations.AddIndex(
            model_name='inboundmessage',
            index=models.Index(condition=models.Q(('body_discarded_at', None)), fields=['account', 'id'], name='inbound_with_text'),
        ),
        migrations.AddConstraint(
            model_name='inboundmessage',
            constraint=models.UniqueConstraint(models.F('provider'), models.F('provider_reference'), name='inbound_once'),
        ),
        migrations.AddIndex(
            model_name='optout',
            index=models.Index(fields=['account', 'id'], name='opt_out_by_account'),
        ),
        migrations.AddIndex(
            model_name='optout',
            index=models.Index(fields=['recipient', 'account', 'id'], name='opt_out_by_recipient'),
        ),
        migrations.AddIndex(
            model_name='optout',
            index=models.Index(condition=models.Q(('reply_sender_id__isnull', False)), fields=['created_at'], name='opt_out_to_confirm'),
        ),
        migrations.AddConstraint(
            model_name='optout',
            constraint=models.UniqueConstraint(models.F('account'), models.F('recipient'), models.F('sender_id'), models.F('is_test'), name='opt_out_once'),
        ),
        migrations.RunSQL(KEPT_BACK, NO_KEPT_BACK),
    ]
