from django.db import migrations

# A transaction that waited for another one's row lock may have the lower number and still write the later event
# (docs/adr/0007-accounts-lists-feeds.md). The model's `CurrentPosition` says the same.
OLD = 'sms_position(pg_current_xact_id())'
NEW = f'greatest({OLD}, sms_position(pg_snapshot_xmax(pg_current_snapshot())) - 1)'
SET_DEFAULT = 'ALTER TABLE sms_messageevent ALTER COLUMN position SET DEFAULT'


class Migration(migrations.Migration):

    dependencies = [
        ('sms', '0007_privacy'),
    ]

    operations = [
        migrations.RunSQL(f'{SET_DEFAULT} {NEW}', f'{SET_DEFAULT} {OLD}'),
    ]
