"""The specification "GraphQL over HTTP", as the library graphql-http checks it."""

AUDITS = 61


def test_every_audit_passes(stack, node):
    """What the specification demands, what it recommends, and what it allows."""
    results = node("audits.js", f"{stack.url}/graphql/", stack.api_key)
    assert [one for one in results if one["status"] != "ok"] == []
    assert len({one["id"] for one in results}) == AUDITS
