import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('sms', '0010_routes'),
    ]

    operations = [
        # Whoever writes an event waits while the table is read once. To build it beside them needs a setting of the
        # session, and behind PgBouncer that would stay with a connection that the service uses next.
        migrations.RunSQL('SET LOCAL statement_timeout = 0', migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name='messageevent',
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=['occurred_at'], name='event_age'
            ),
        ),
    ]
