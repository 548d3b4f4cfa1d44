from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sms', '0005_accounts_lists_feeds'),
    ]

    operations = [
        # Beside many millions of messages an index takes longer than any other statement may.
        migrations.RunSQL('SET LOCAL statement_timeout = 0', migrations.RunSQL.noop),
        migrations.RemoveIndex(
            model_name='message',
            name='message_by_recipient',
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['recipient', 'account', 'id'], name='message_by_recipient'),
        ),
    ]
