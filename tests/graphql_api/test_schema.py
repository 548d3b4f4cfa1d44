"""The schema: printed, described, and in step with the domain."""

import subprocess
import sys
from pathlib import Path

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, is_introspection_type, is_specified_scalar_type

from graphql_api.inputs import NAMES, SendMessageInput
from graphql_api.schema import schema
from sms.errors import ErrorCode
from sms.models import DeliveryPolicy
from sms.numbering import NumberType
from sms.services.duplicates import DuplicatePolicy
from sms.services.rules import RuleName
from sms.statuses import Status

ROOT = Path(__file__).parents[2]

OURS = [
    type_
    for type_ in schema._schema.type_map.values()
    if not (is_introspection_type(type_) or is_specified_scalar_type(type_))
]


def test_schema_file_is_current():
    """schema.graphql is what the code says, for clients to generate theirs from and for reviews to show changes."""
    assert (ROOT / "schema.graphql").read_text() == schema.as_str() + "\n", "run: make schema"


def test_the_schema_can_be_printed_from_the_command_line():
    """`python -m graphql_api.print_schema` is what `make schema` runs."""
    command = [sys.executable, "-m", "graphql_api.print_schema"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert printed.stdout == schema.as_str() + "\n"


@pytest.mark.parametrize("type_", OURS, ids=str)
def test_everything_is_described(type_):
    """Every type, field, argument and value has its sentence."""
    assert type_.description
    members = type_.values if isinstance(type_, GraphQLEnumType) else getattr(type_, "fields", {})
    for name, member in members.items():
        assert member.description, f"{type_}.{name}"
        for argument, described in getattr(member, "args", {}).items():
            assert described.description, f"{type_}.{name}({argument})"


@pytest.mark.parametrize(
    ("name", "enum"),
    [
        ("MessageStatus", Status),
        ("ErrorCode", ErrorCode),
        ("DeliveryPolicy", DeliveryPolicy),
        ("DuplicatePolicy", DuplicatePolicy),
        ("RuleName", RuleName),
        ("NumberType", NumberType),
    ],
)
def test_enums_are_the_domains(name, enum):
    """Clients see the domain's own words, all of them."""
    assert list(schema._schema.type_map[name].values) == [member.value for member in enum]


def test_every_input_field_is_taken_over():
    """SendMessageInput is built by hand, so its fields stand twice."""
    shown = schema._schema.type_map["SendMessageInput"]
    assert isinstance(shown, GraphQLInputObjectType)
    assert list(NAMES) == list(shown.fields)
    assert list(NAMES.values()) == list(SendMessageInput.__dataclass_fields__)


def test_what_can_be_sent_can_be_planned():
    """PlanMessageInput has the fields of SendMessageInput, one by one."""
    sent, planned = (schema._schema.type_map[name].fields for name in ("SendMessageInput", "PlanMessageInput"))
    assert {name: str(field.type) for name, field in planned.items()} == {n: str(f.type) for n, f in sent.items()}
