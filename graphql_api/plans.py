"""What clients get to see of a message before it is sent."""

from typing import Self

import strawberry
from strawberry.utils.str_converters import to_camel_case

from graphql_api.enums import RefusalCode
from graphql_api.money import Price
from graphql_api.types import described
from sms.numbering import NumberFacts, NumberType
from sms.services.plan import Plan, Verdict, WayThere
from sms.services.rules import RuleName
from sms.transliterate import Suggestion


@strawberry.type(description="A phone number, as its numbering plan has it.")
class PlannedRecipient:
    """A phone number, as its numbering plan has it."""

    number: str = described("The number in E.164, such as +233200000901.")
    country: str | None = described("ISO 3166-1 alpha-2, such as GH. Null for a number of no country.")
    country_name: str | None = described("The country's name in English.")
    carrier: str | None = described(
        "The carrier that was given the range, where that is known; the number may have been ported to another since."
    )
    number_type: NumberType = described("What kind of line it was given out for.")

    @classmethod
    def of(cls, facts: NumberFacts) -> Self:
        """Show a number."""
        return cls(
            number=facts.number,
            country=facts.country,
            country_name=facts.country_name,
            carrier=facts.carrier,
            number_type=facts.type,
        )


@strawberry.type(description="A character that is not in the GSM-7 alphabet, and so forces a whole text into UCS-2.")
class ForcingCharacter:
    """A character that forces a text into UCS-2."""

    character: str = described("The character, together with its accents.")
    name: str = described("Its name in Unicode.")
    count: int = described("How often it is there.")
    positions: list[int] = described("Where the first ten are: in characters (Unicode code points), the first is 0.")
    replacement: str | None = described(
        "What `transliterate` puts in its place; empty where it is left out. Null if nothing looks like it: then the "
        "text stays as it is."
    )

    @classmethod
    def of(cls, one: Suggestion) -> Self:
        """Show a character."""
        return cls(
            character=one.character,
            name=one.name,
            count=one.count,
            positions=list(one.positions),
            replacement=one.replacement,
        )


@strawberry.type(description="What one rule says of a message.")
class RuleVerdict:
    """What one rule says of a message."""

    rule: RuleName = described("The rule.")
    ok: bool | None = described("Whether it is kept. Null if that cannot be told, because an earlier one is broken.")
    code: RefusalCode | None = described("Why it is not kept; made for programs.")
    field: str = described("The input field that it is about, as it is spelled in the input.")
    detail: str | None = described("Why it is not kept: a sentence that a person can act on.")

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """Show a verdict."""
        return cls(
            rule=verdict.rule,
            ok=verdict.ok,
            code=verdict.code,
            field=to_camel_case(verdict.field),
            detail=verdict.detail,
        )


@strawberry.type(description="The provider that a message would go to.")
class PlannedRoute:
    """The provider that a message would go to."""

    provider: str = described("The provider's name.")
    batch: bool = described("Whether it takes many messages in one request.")
    reason: str = described("Why this one.")

    @classmethod
    def of(cls, route: WayThere) -> Self:
        """Show a route."""
        return cls(provider=route.provider, batch=route.takes_batches, reason=route.reason)


@strawberry.type(description="What would become of a message if it was sent now.")
class MessagePlan:
    """What would become of a message."""

    accepted: bool = described("Whether it would be accepted: every rule is kept.")
    recipient: PlannedRecipient | None = described("Null if the recipient is no phone number.")
    text: str | None = described("The text that would be sent. Null if there is none, or it cannot be sent.")
    encoding: str | None = described("GSM7 or UCS2. Null as the text is.")
    segments: int | None = described("How many SMS the text needs. Null as the text is.")
    characters: list[ForcingCharacter] = described(
        "What forces the given text into UCS-2, each character once, in the order of their first places; the first 100."
    )
    segments_if_transliterated: int | None = described("How many SMS the text needs with `transliterate`.")
    verdicts: list[RuleVerdict] = described("What every rule says, in the order in which a send applies them.")
    route: PlannedRoute | None = described("Null if there is nobody to send to.")
    price: Price | None = described("What it would cost. Null where that is not known.")

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Show a plan."""
        reading = plan.reading
        return cls(
            accepted=plan.accepted,
            recipient=None if plan.recipient is None else PlannedRecipient.of(plan.recipient),
            text=reading.text,
            encoding=reading.encoding,
            segments=reading.segments,
            characters=[ForcingCharacter.of(one) for one in reading.characters],
            segments_if_transliterated=reading.segments_if_transliterated,
            verdicts=[RuleVerdict.of(one) for one in plan.verdicts],
            route=None if plan.route is None else PlannedRoute.of(plan.route),
            price=Price.planned(plan.price),
        )
