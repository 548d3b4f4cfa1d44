"""Subscribers: a lean client for GraphQL over websockets, many of them in one process."""
