from django.db import migrations, models

# The digest of an account's key is made of what was stored of it, so every key stays good.
NARROW = """
SET LOCAL statement_timeout = 0;
ALTER TABLE sms_idempotencykey ADD COLUMN digest uuid;
UPDATE sms_idempotencykey SET digest =
    encode(substring(sha256(uuid_send(account_id) || key_sha256) FROM 1 FOR 16), 'hex')::uuid;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE sms_idempotencykey DROP COLUMN account_id, DROP COLUMN key_sha256, ADD PRIMARY KEY (digest);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('sms', '0008_feed_order'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(NARROW)],
            state_operations=[
                migrations.RemoveField(model_name='idempotencykey', name='account'),
                migrations.RemoveField(model_name='idempotencykey', name='key_sha256'),
                migrations.RemoveField(model_name='idempotencykey', name='pk'),
                migrations.AddField(
                    model_name='idempotencykey',
                    name='digest',
                    field=models.UUIDField(editable=False, primary_key=True, serialize=False),
                ),
            ],
        ),
    ]
