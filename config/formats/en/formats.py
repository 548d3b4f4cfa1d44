"""How the admin writes times: so that they can be compared with each other, and with a log."""

DATETIME_FORMAT = "Y-m-d H:i:s"
