"""How PostgreSQL goes about statements that were asked."""

from django.db import connection


def plans_of(asked):
    """Return the plan of each statement that a CaptureQueriesContext has seen, prepared or not, by its text."""
    statements = {one["sql"] for one in asked}
    return {one: plan_of(one) for one in statements if one.split()[0] in {"EXECUTE", "SELECT", "WITH", "UPDATE"}}


def plan_of(sql):
    """Return the plan of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(line for (line,) in cursor.fetchall())
