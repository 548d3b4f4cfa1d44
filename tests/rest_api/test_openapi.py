"""The description of REST: valid, complete, and true."""

import re
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from edge import problems
from edge.openapi.document import VERSION
from rest_api import events, inbound, requests
from rest_api.inbound_operations import LIST_INBOUND, LIST_OPT_OUTS
from rest_api.operations import LIST_EVENTS, LIST_MESSAGES, OPERATIONS
from sms.errors import ErrorCode
from sms.services.rules import RULES
from tests import contract
from tests.contract import BODILESS, document, validator
from tests.http import Answer, call

ROOT = Path(__file__).parents[2]
# Only documents of GraphQL are refused with these.
OF_GRAPHQL = {
    ErrorCode.COST_EXCEEDED,
    ErrorCode.INTROSPECTION_DISABLED,
    ErrorCode.DOCUMENT_NOT_FOUND,
    ErrorCode.DOCUMENT_NOT_TRUSTED,
    ErrorCode.PERSISTED_QUERY_NOT_FOUND,
    ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED,
}
# Only a message of a batch is refused with these: they stand in its result, and are no problem's code.
OF_RESULTS = {ErrorCode.DUPLICATE_IN_BATCH}
RESPONSES = [
    (path, method, status, response)
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
    for status, response in operation["responses"].items()
]
BODIES = [
    (path, method, operation["requestBody"]["content"]["application/json"])
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
    if "requestBody" in operation
]


def codes_of(response):
    """The codes that are described for a status."""
    return {code for one in response.get("content", {}).values() for code in one["examples"]}


def test_it_is_valid_openapi_3_1():
    """By the OpenAPI Initiative's own schema, with every reference and every default."""
    errors = [error.message for error in OpenAPIV31SpecValidator(document()).iter_errors()]
    assert errors == []


def test_every_route_is_described_and_every_described_route_is_served():
    """No route without its description, and none described that is not there."""
    served = {(path, method.lower()) for path, one in contract.ENDPOINTS.items() for method in one.methods}
    described = {(path, method) for path, methods in document()["paths"].items() for method in methods}
    assert described == served


def test_every_code_is_described():
    """Whatever may be refused is there, at some path and status; what is GraphQL's alone is not."""
    described = {code for *_, response in RESPONSES for code in codes_of(response) if code in set(ErrorCode)}
    assert described == set(ErrorCode) - OF_GRAPHQL - OF_RESULTS
    operation = document()["paths"]["/api/messages/batch/"]["post"]
    assert all(f"`{code}`" in operation["description"] for code in OF_RESULTS)


def test_refusals_have_the_statuses_that_the_edge_gives_them():
    """A status is described for refusals only if something is answered with it."""
    given = {str(one.value) for one in problems.STATUS.values()} | {"405", "413"}
    described = {status for _, _, status, _ in RESPONSES if status >= "400"}
    assert described <= given


def test_every_rule_may_refuse_a_send():
    """Each rule's field is one that a send has, and its code is described there."""
    described = codes_of(document()["paths"]["/api/messages/"]["post"]["responses"]["400"])
    fields = {*document()["components"]["schemas"]["NewMessage"]["properties"], "idempotency_key"}
    assert {rule.field for rule in RULES} <= fields
    assert {code for code in described if code.startswith(("SENDER_ID", "RECIPIENT", "TEXT"))} == {
        code for code in ErrorCode if code.startswith(("SENDER_ID", "RECIPIENT", "TEXT"))
    }


@pytest.mark.parametrize(
    ("operation", "parsed"),
    [
        (LIST_MESSAGES, requests.PARAMETERS),
        (LIST_EVENTS, events.PARAMETERS),
        (LIST_INBOUND, inbound.OF_INBOUND),
        (LIST_OPT_OUTS, inbound.OF_OPT_OUTS),
    ],
)
def test_every_parameter_of_a_list_is_described(operation, parsed):
    """Those that are parsed are those that are described."""
    assert {one.name for one in operation.parameters} == set(parsed)


@pytest.mark.parametrize(("path", "method", "status", "response"), RESPONSES)
def test_each_example_of_an_answer_fits_its_schema(path, method, status, response):
    """What the description shows is what it says; and whoever is answered with a body is shown one."""
    for media_type, content in response.get("content", {}).items():
        place = ("paths", path, method, "responses", status, "content", media_type, "schema")
        assert content["examples"]
        for example in content["examples"].values():
            validator(*place).validate(example["value"])
        assert not validator(*place).is_valid({})
    assert ("content" in response) is (status not in BODILESS)


@pytest.mark.parametrize(("path", "method", "content"), BODIES)
def test_each_example_of_a_request_fits_its_schema(path, method, content):
    """What the description tells to send may be sent."""
    place = ("paths", path, method, "requestBody", "content", "application/json", "schema")
    assert content["examples"]
    for example in content["examples"].values():
        validator(*place).validate(example["value"])
    assert not validator(*place).is_valid({})


def test_every_operation_and_field_has_a_sentence():
    """Nobody has to guess what something is for."""
    schemas = document()["components"]["schemas"].items()
    silent = [
        f"{name}.{field}"
        for name, schema in schemas
        for field, one in schema.get("properties", {}).items()
        if not one.get("description")
    ]
    silent += [name for name, schema in schemas if "enum" not in schema and not schema.get("description")]
    silent += [one.name for one in OPERATIONS if not (one.summary and one.description)]
    silent += [
        f"{operation['operationId']} {one['name']}"
        for methods in document()["paths"].values()
        for operation in methods.values()
        for one in operation["parameters"]
        if not one["description"]
    ]
    assert silent == []


def test_it_is_served(stack):
    """As JSON, to anybody, without a key."""
    answer = call("GET", f"{stack.url}/api/openapi.json", headers={"Authorization": "Bearer wrong"})
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == document()
    assert call("POST", f"{stack.url}/api/openapi.json").status == 405


def test_the_first_version_is_still_there():
    """The paths and the statuses that the first version promised."""
    promised = {
        ("/api/messages/", "post"): {"202", "400", "422"},
        ("/api/messages/{id}/", "get"): {"200", "404"},
        ("/api/webhooks/dlr/", "post"): {"202", "400", "401", "413"},
    }
    for (path, method), statuses in promised.items():
        assert statuses <= document()["paths"][path][method]["responses"].keys()
    assert VERSION.startswith("1.")


@pytest.mark.parametrize(
    ("status", "headers", "body", "why"),
    [
        (418, {"content-type": "application/json"}, b"{}", "described nowhere"),
        (202, {"content-type": "text/plain", "location": "/"}, b"{}", "text/plain"),
        (202, {"content-type": "application/json"}, b"{}", "no header Location"),
        (202, {"content-type": "application/json", "location": "/"}, b"{}", "is a required property"),
        (
            400,
            {"content-type": "application/problem+json"},
            b'{"type":"about:blank","title":"","status":400,"code":"NOT_CANCELABLE","detail":""}',
            "NOT_CANCELABLE",
        ),
    ],
)
def test_an_answer_that_is_not_described_is_noticed(status, headers, body, why):
    """All REST tests are held to the description; this one shows that they are."""
    with pytest.raises(AssertionError, match=re.escape(why)):
        contract.check("POST", "http://localhost/api/messages/", Answer(status, headers, body))
