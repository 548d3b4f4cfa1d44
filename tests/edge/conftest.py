"""The GraphQL edge stands for all of them where one is needed."""

from tests.graphql_api.conftest import account, served

__all__ = ["account", "served"]
