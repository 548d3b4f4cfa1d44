"""Lists: every message once, in order, whatever is asked for and wherever pages end; and how little is read for it."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sms import cursors, listing
from sms.database import rows
from sms.errors import ErrorCode, InvalidList
from sms.ids import HIGHEST, LOWEST
from sms.listing import ALL, LOOKED_AT, MOST, MessageFilter
from sms.models import Message
from sms.services.new_message import check
from sms.services.store import store as store_messages
from sms.statuses import Status
from tests.accounts import make_caller

NUMBERS = ("+233200000901", "+233200000902")
STATUSES = (Status.QUEUED, Status.DELIVERED, Status.FAILED)

FAR_EAST = timezone(timedelta(hours=18, minutes=33))  # further than PostgreSQL takes


def store_many(caller, count, **fields):
    """Accept so many messages in one commit, and return their ids in the order in which they were made."""
    request = {"sender_id": "MyCorp", "recipient": NUMBERS[0], "text": "Hello", **fields}
    new = [check(caller, **request) for _ in range(count)]
    store_messages(new)
    return [one.id for one in new]


def read(caller, wanted=ALL, *, limit=MOST, after=None):
    """Return one page."""
    return listing.get_page(caller.account_id, wanted, limit, after)


def read_all(caller, wanted=ALL, *, limit=MOST, after=None):
    """Follow the cursors to the end; return the ids of all messages, and how many pages there were."""
    ids, pages = [], 0
    while True:
        page = read(caller, wanted, limit=limit, after=after)
        assert len(page.messages) <= limit
        assert all(one.history is None for one in page.messages)
        ids += [one.id for one in page.messages]
        pages += 1
        if page.next is None:
            return ids, pages
        assert after is None or cursors.decode(page.next) < cursors.decode(after), "it goes on"
        after = page.next


def newest_first(ids):
    """The order that lists have."""
    return sorted(ids, reverse=True)


@pytest.fixture
def neighbour(transactional_db):
    """Another account."""
    return make_caller("neighbour")


def test_the_newest_message_comes_first(caller):
    """Ids sort by time, and so do lists."""
    ids = store_many(caller, 3)
    page = read(caller)
    assert [one.id for one in page.messages] == newest_first(ids)
    assert page.next is None


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8, 100])
def test_pages_have_every_message_once(caller, limit):
    """Whatever their size; the last one says that it is."""
    ids = store_many(caller, 7)
    assert read_all(caller, limit=limit) == (newest_first(ids), -(-7 // limit))


def test_an_account_without_messages_has_one_empty_page(caller):
    """And no next one."""
    assert read_all(caller) == ([], 1)


def test_a_message_that_comes_between_two_pages_moves_nothing(caller):
    """The next page goes on where the last one ended; a new message is seen by who begins anew."""
    ids = store_many(caller, 4)
    first = read(caller, limit=2)
    (new,) = store_many(caller, 1)
    assert [one.id for one in read(caller, limit=2, after=first.next).messages] == newest_first(ids)[2:]
    assert read(caller, limit=1).messages[0].id == new


def population(caller, neighbour):
    """Messages of two accounts that differ in all that can be asked for; return those of the first."""
    for number in range(60):
        owner = neighbour if number % 3 == 2 else caller
        reference = (None, "shared", f"own-{number}")[number % 5 % 3]
        store_many(owner, 1, recipient=NUMBERS[number % 7 % 2], client_reference=reference)
    for number, message in enumerate(Message.objects.order_by("id")):
        message.status = STATUSES[number % 4 % 3]
        message.sender_id = ("MyCorp", "Other")[number % 2]
        message.is_test = number % 11 == 0
        message.created_at = BEGUN + timedelta(seconds=number)
        message.save()
    return list(Message.objects.filter(account_id=caller.account_id))


BEGUN = datetime.now(UTC).replace(microsecond=0)  # ids are of about now, and times must not be far from them
MOMENTS = st.integers(-1, 61).map(lambda seconds: BEGUN + timedelta(seconds=seconds))
FILTERS = st.builds(
    MessageFilter,
    statuses=st.none() | st.lists(st.sampled_from([*STATUSES, Status.CANCELED]), min_size=1),
    recipient=st.none() | st.sampled_from(NUMBERS),
    sender_id=st.none() | st.sampled_from(["MyCorp", "Other", "Nobody"]),
    client_reference=st.none() | st.sampled_from(["shared", "own-2", "nobodys"]),
    is_test=st.none() | st.booleans(),
)


def matches(message, wanted):
    """What a filter says, told once more."""
    return (
        (wanted.statuses is None or message.status in wanted.statuses)
        and wanted.recipient in (None, message.recipient)
        and wanted.sender_id in (None, message.sender_id)
        and wanted.client_reference in (None, message.client_reference)
        and wanted.is_test in (None, message.is_test)
        and (wanted.created_after is None or message.created_at >= wanted.created_after)
        and (wanted.created_before is None or message.created_at < wanted.created_before)
    )


class TestFilters:
    """Against a population that is stored once."""

    @pytest.fixture
    def stored(self, caller, neighbour):
        """The account and its messages."""
        return caller, population(caller, neighbour)

    @settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_what_is_listed_is_what_matches_wherever_pages_end(self, stored, monkeypatch, data):
        """All of it, once, in order: for every filter and size, also when little is looked at for a page."""
        caller, mine = stored
        wanted = data.draw(FILTERS)
        limit = data.draw(st.integers(1, 7))
        monkeypatch.setattr(listing, "LOOKED_AT", data.draw(st.sampled_from([limit + 1, 9, LOOKED_AT])))
        monkeypatch.setattr(listing, "LOOKS_FOR", data.draw(st.sampled_from([0.0, listing.LOOKS_FOR])))
        found, _ = read_all(caller, wanted, limit=limit)
        assert found == newest_first(one.id for one in mine if matches(one, wanted))

    def test_a_cursor_may_be_used_with_another_filter(self, stored):
        """It is a position: from there on, what now matches is listed."""
        caller, mine = stored
        cursor = read(caller, MessageFilter(statuses=[Status.QUEUED]), limit=5).next
        wanted = MessageFilter(sender_id="Other")
        expected = [one.id for one in mine if one.id < cursors.decode(cursor) and matches(one, wanted)]
        assert read_all(caller, wanted, limit=5, after=cursor)[0] == newest_first(expected)

    @settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(after=st.none() | MOMENTS, before=st.none() | MOMENTS)
    def test_times_are_those_that_messages_show(self, stored, monkeypatch, after, before):
        """`created_after` is inclusive, `created_before` exclusive, by `created_at` itself."""
        caller, mine = stored
        monkeypatch.setattr(listing, "EARLIER", timedelta(days=-1))  # all ids of the population are of one moment
        monkeypatch.setattr(listing, "LATER", timedelta(days=1))
        wanted = MessageFilter(created_after=after, created_before=before)
        assert read_all(caller, wanted)[0] == newest_first(one.id for one in mine if matches(one, wanted))


def test_a_message_is_within_its_own_time(caller):
    """Also where it waited for its turn to be stored, or the database's clock is behind."""
    (message_id,) = store_many(caller, 1)
    made = datetime.fromtimestamp((message_id.int >> 80) / 1000, UTC)
    for waited in (timedelta(seconds=7), timedelta(), timedelta(milliseconds=-900)):
        stored = made + waited
        Message.objects.filter(id=message_id).update(created_at=stored)
        microsecond = timedelta(microseconds=1)
        within = MessageFilter(created_after=stored, created_before=stored + microsecond)
        assert [one.id for one in read(caller, within).messages] == [message_id]
        assert read(caller, MessageFilter(created_after=stored + microsecond)).messages == []
        assert read(caller, MessageFilter(created_before=stored)).messages == []


def test_a_filter_that_few_match_takes_short_pages_to_the_end(caller):
    """More messages than are looked at for a page: empty pages lead on, and the one that matches is found."""
    (first,) = store_many(caller, 1)
    Message.objects.filter(id=first).update(status="FAILED")
    for _ in range(6):
        store_many(caller, 1_000)
    wanted = MessageFilter(statuses=[Status.FAILED])
    page = read(caller, wanted)
    assert page.messages == []
    assert page.next is not None
    found, pages = read_all(caller, wanted)
    assert found == [first]
    assert pages > 1


def test_no_status_is_none_of_them(caller):
    """An empty list matches nothing, and nothing is looked at for it."""
    store_many(caller, 1)
    assert read_all(caller, MessageFilter(statuses=[]))[0] == []


@pytest.mark.parametrize("written", ["0200000901", "+233 20 000 0901", "00233200000901", "233200000901"])
def test_a_number_may_be_written_as_on_a_send(caller, written):
    """It is the same number."""
    (message_id,) = store_many(caller, 1)
    store_many(caller, 1, recipient=NUMBERS[1])
    assert read_all(caller, MessageFilter(recipient=written))[0] == [message_id]


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"recipient": "not a number"}, "RECIPIENT_INVALID", "recipient"),
        ({"recipient": "+233302123456"}, "RECIPIENT_NOT_MOBILE", "recipient"),
        ({"recipient": "\0"}, "RECIPIENT_INVALID", "recipient"),
        ({"sender_id": ""}, "SENDER_ID_INVALID", "sender_id"),
        ({"sender_id": "a\0b"}, "SENDER_ID_INVALID", "sender_id"),
        ({"client_reference": ""}, "CLIENT_REFERENCE_INVALID", "client_reference"),
        ({"client_reference": "a\0b"}, "CLIENT_REFERENCE_INVALID", "client_reference"),
        ({"client_reference": "\ud800"}, "CLIENT_REFERENCE_INVALID", "client_reference"),
        ({"client_reference": "x" * 256}, "CLIENT_REFERENCE_INVALID", "client_reference"),
        ({"created_after": datetime(2026, 1, 1)}, "FILTER_INVALID", "created_after"),  # noqa: DTZ001  that is the point
        ({"created_before": datetime(2026, 1, 1)}, "FILTER_INVALID", "created_before"),  # noqa: DTZ001
    ],
)
async def test_what_no_message_can_have_is_refused_by_name(caller, fields, code, field):
    """With the code that a send has for it."""
    with pytest.raises(InvalidList) as refusal:
        await listing.messages(account_id=caller.account_id, wanted=MessageFilter(**fields))
    assert (refusal.value.code, refusal.value.field) == (ErrorCode(code), field)


@pytest.mark.parametrize("limit", [0, -1, 101, 2**31 - 1])
async def test_a_page_has_one_to_a_hundred_messages(caller, limit):
    """Any other size is refused."""
    with pytest.raises(InvalidList) as refusal:
        await listing.messages(account_id=caller.account_id, limit=limit)
    assert (refusal.value.code, refusal.value.field) == (ErrorCode.PAGE_SIZE_INVALID, "limit")


@pytest.mark.parametrize(
    "moment",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=14))),
    ],
)
def test_a_time_may_be_as_far_away_as_a_calendar_tells(caller, moment):
    """Before all messages, or after all."""
    ids = store_many(caller, 1)
    is_past = moment.year == 1
    assert read_all(caller, MessageFilter(created_after=moment))[0] == (ids if is_past else [])
    assert read_all(caller, MessageFilter(created_before=moment))[0] == ([] if is_past else ids)


def test_another_accounts_cursor_is_a_position_among_ones_own(caller, neighbour):
    """It leads to nothing of theirs."""
    mine = store_many(caller, 2)
    store_many(neighbour, 3)
    mine += store_many(caller, 2)
    theirs = read(neighbour, limit=2).next
    assert read_all(caller, after=theirs)[0] == newest_first(mine[:2])
    assert read_all(caller, after=cursors.encode(LOWEST))[0] == []
    assert read_all(caller, after=cursors.encode(HIGHEST))[0] == newest_first(mine)


# How it is read.


def explained(caller, wanted):
    """Return the plan with which PostgreSQL read a page."""
    scan = listing._plan(caller.account_id, wanted, before=HIGHEST)
    sql = scan.sql.replace("WITH looked_at", "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) WITH looked_at")
    (((plan,),),) = rows(sql, **scan.values, limit=MOST, looked_at=LOOKED_AT, looks_for=1.0)
    return json.loads(plan) if isinstance(plan, str) else plan


def nodes(plan):
    """Return every step of a plan."""
    yield plan
    for one in plan.get("Plans", ()):
        yield from nodes(one)


def touched(caller, wanted):
    """Return how many blocks were touched for a page: what its time depends on."""
    plan = explained(caller, wanted)["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (ALL, "message_by_account"),
        (MessageFilter(statuses=[Status.FAILED]), "message_by_account"),
        (MessageFilter(sender_id="Nobody", is_test=True), "message_by_account"),
        (MessageFilter(created_after=BEGUN), "message_by_account"),
        (MessageFilter(recipient=NUMBERS[0]), "message_by_recipient"),
        (MessageFilter(recipient=NUMBERS[0], client_reference="r"), "message_by_recipient"),
        (MessageFilter(client_reference="r", statuses=[Status.FAILED]), "message_by_reference"),
    ],
)
@pytest.mark.parametrize("statistics", ["none", "of another time", "true"])
def test_there_is_one_plan_whatever_the_statistics_say(caller, neighbour, wanted, index, statistics):
    """Backwards through the index that is meant, with nothing gathered or sorted; then the page's rows by their ids."""
    with connection.cursor() as cursor:
        if statistics == "of another time":
            store_many(neighbour, 300)
            cursor.execute("ANALYZE sms_message")
        store_many(caller, 2_000, client_reference="r")
        if statistics == "true":
            cursor.execute("ANALYZE sms_message")
    plan = explained(caller, wanted)["Plan"]
    scans = [one for one in nodes(plan) if "Scan" in one["Node Type"] and one["Node Type"].startswith("Index")]
    assert [(one["Index Name"], one["Scan Direction"]) for one in scans] == [
        (index, "Backward"),
        ("sms_message_pkey", "Forward"),
    ]
    others = {one["Node Type"] for one in nodes(plan)} - {"Index Scan", "Index Only Scan"}
    assert others == {"Nested Loop", "Limit", "Subquery Scan", "WindowAgg", "CTE Scan"}


def test_what_others_send_to_a_number_costs_and_shows_nothing(caller, neighbour):
    """A number with thousands of another account's messages is answered like one that nobody ever wrote to."""
    for _ in range(3):
        store_many(neighbour, 1_000)
    known = MessageFilter(recipient=NUMBERS[0])
    unknown = MessageFilter(recipient="+233200009999")
    assert read(caller, known) == read(caller, unknown) == listing.Page([], None)
    assert touched(neighbour, known) > 100
    assert touched(caller, known) <= touched(caller, unknown) + 1


def test_what_others_label_costs_and_shows_nothing(caller, neighbour):
    """The same for a client reference."""
    for _ in range(3):
        store_many(neighbour, 1_000, client_reference="theirs")
    known, unknown = MessageFilter(client_reference="theirs"), MessageFilter(client_reference="nobodys")
    assert read(caller, known) == read(caller, unknown) == listing.Page([], None)
    assert touched(neighbour, known) > 100
    assert touched(caller, known) <= touched(caller, unknown) + 1


@pytest.mark.parametrize("field", ["created_before", "created_after"])
def test_a_time_is_a_range_of_ids(caller, field):
    """What lies outside is not even looked at."""
    for _ in range(2):
        store_many(caller, 1_000)
    day = timedelta(days=1)
    elsewhere = MessageFilter(**{field: datetime.now(UTC) + (day if field == "created_after" else -day)})
    assert read(caller, elsewhere) == listing.Page([], None)
    assert touched(caller, elsewhere) <= 5
    assert touched(caller, MessageFilter(statuses=[Status.FAILED])) > 50


def test_a_page_reads_no_more_when_more_is_stored(caller):
    """The first page of a thousand messages, and that of four thousand."""
    store_many(caller, 1_000)
    few = touched(caller, ALL)
    for _ in range(3):
        store_many(caller, 1_000)
    assert touched(caller, ALL) <= few * 1.1


def test_a_time_may_have_any_offset(caller):
    """Also one that PostgreSQL would not take."""
    (made,) = store_many(caller, 1)
    long_ago, much_later = datetime(97, 2, 25, tzinfo=FAR_EAST), datetime(2997, 2, 25, tzinfo=FAR_EAST)
    page = listing.get_page(caller.account_id, MessageFilter(created_after=long_ago, created_before=much_later))
    assert [one.id for one in page.messages] == [made]
