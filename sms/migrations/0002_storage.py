"""How the rows are stored: room on each page, so that updates stay on it (HOT)."""

from django.db import migrations


class Migration(migrations.Migration):
    """Storage parameters of the tables whose rows change."""

    dependencies = [("sms", "0001_initial")]

    operations = [
        migrations.RunSQL(
            # A message is updated about three times in its life; a queue entry twice, and then deleted.
            "ALTER TABLE sms_message SET (fillfactor = 60);"
            "ALTER TABLE sms_dispatchentry SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);"
            "ALTER TABLE sms_receipt SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);",
            "ALTER TABLE sms_message RESET (fillfactor);"
            "ALTER TABLE sms_dispatchentry RESET (fillfactor, autovacuum_vacuum_scale_factor);"
            "ALTER TABLE sms_receipt RESET (fillfactor, autovacuum_vacuum_scale_factor);",
        )
    ]
