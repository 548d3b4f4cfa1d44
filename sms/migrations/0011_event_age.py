import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):

    atomic = False  # nobody who writes has to wait for it

    dependencies = [
        ('sms', '0010_routes'),
    ]

    operations = [
        migrations.RunSQL('SET statement_timeout = 0', 'RESET statement_timeout'),
        AddIndexConcurrently(
            model_name='messageevent',
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=['occurred_at'], name='event_age'
            ),
        ),
        migrations.RunSQL('RESET statement_timeout', 'SET statement_timeout = 0'),
    ]
