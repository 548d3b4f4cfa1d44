"""How much room messages take."""

from benchmarks.stack import Stack

TABLES = """
SELECT relname, pg_table_size(oid) / 2^20, pg_indexes_size(oid) / 2^20, greatest(reltuples, 0)
FROM pg_class WHERE relkind = 'r' AND relname LIKE 'sms\\_%%' AND pg_total_relation_size(oid) > 2^20
ORDER BY pg_total_relation_size(oid) DESC
"""


def sizes(stack: Stack, *, messages: int) -> str:
    """Return a Markdown table of MiB for each million messages."""
    lines = ["| table | rows a message | table MiB a million | indexes MiB a million |", "|---|---|---|---|"]
    millions = messages / 1_000_000
    total = 0.0
    for name, table, indexes, rows in stack.query(TABLES):
        total += float(table) + float(indexes)
        per_message = float(rows) / messages
        lines.append(
            f"| {name} | {per_message:.1f} | {float(table) / millions:,.0f} | {float(indexes) / millions:,.0f} |"
        )
    lines.append(f"| all | | | {total / millions:,.0f} together |")
    return "\n".join(lines)
