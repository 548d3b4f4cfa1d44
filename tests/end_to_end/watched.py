"""A service whose every word is kept, and canaries for all of its doors and errors."""

import hashlib
import hmac
import json
import socket
import subprocess
import sys
import time
import urllib.parse
import uuid
from contextlib import suppress

import psycopg2
import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from devstack.postgres import Postgres
from devstack.redis import Redis
from tests.http import call
from tests.privacy import KEY, NUMBER, TEXT
from tests.stack import ROOT, Stack

SIGNING_SECRET = "canary-of-the-signatures"
WRONG_KEY = "sms_live_a-canary-that-nobody-knows"
STRANGERS_KEY = "sms_live_stranger_of_the_tests"
DIGITS = NUMBER[1:]
PARTS = ("web", "worker", "beat", "simulator", "postgres", "redis")
# What the database refuses, with all of the row in its complaint.
REFUSED = f"{TEXT} and is refused"
DAMAGE = f"""
ALTER TABLE sms_message ADD CONSTRAINT canary CHECK (text <> '{REFUSED}');
CREATE FUNCTION canary_of_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM sms_message WHERE id = NEW.message_id AND client_reference = 'breaks the claim') THEN
        RAISE 'no' USING ERRCODE = 'check_violation', DETAIL = '{TEXT} {NUMBER}', HINT = '{TEXT}';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER canary BEFORE INSERT ON sms_submitattempt FOR EACH ROW EXECUTE FUNCTION canary_of_attempts();
CREATE FUNCTION canary_of_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.provider_status = 'BREAK' THEN
        RAISE '%', '{TEXT} {NUMBER}' USING ERRCODE = 'data_exception', DETAIL = '{TEXT}';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER canary BEFORE INSERT ON sms_messageevent FOR EACH ROW EXECUTE FUNCTION canary_of_events();
INSERT INTO sms_account (id, name, blocked_keywords) VALUES (gen_random_uuid(), 'stranger', '{{}}');
INSERT INTO sms_senderid (account_id, value) SELECT id, 'MyCorp' FROM sms_account WHERE name = 'stranger';
INSERT INTO sms_apikey (id, account_id, name, prefix, secret_sha256, is_test, scopes, allowed_networks)
SELECT gen_random_uuid(), id, '', 'sms_live', '\\x{hashlib.sha256(STRANGERS_KEY.encode()).hexdigest()}', false,
       '{{messages:send,messages:read}}', '{{}}' FROM sms_account WHERE name = 'stranger';
"""


class Watched:
    """A service whose every word is kept, and the doors to it."""

    def __init__(self, directory, server):
        self.directory, self.server = directory, server
        self.postgres = Postgres(directory / "pg", durable=False, log=directory / "postgres.log")
        self.redis = Redis(directory / "redis", log=directory / "redis.log")
        self.postgres.start()
        self.redis.start()
        self.stack = Stack(
            directory,
            server=server,
            DATABASE_URL=self.postgres.create_database("sms"),
            REDIS_URL=self.redis.url,
            LOG_LEVEL="DEBUG",
            DEMO_API_KEY=KEY,
            DLR_SIGNING_SECRETS=SIGNING_SECRET,
            PROVIDER_TIMEOUT="1",
            SIMULATOR_BATCHES="false",
        )
        self.answers = []
        self.strangers_answers = []
        self.printed = []

    def remove(self):
        self.stack.stop()
        self.redis.remove()
        self.postgres.remove()

    def secrets(self):
        """What nobody may read."""
        return [KEY, WRONG_KEY, STRANGERS_KEY, SIGNING_SECRET, self.postgres.password, self.redis.password]

    def logs(self):
        """Everything that was written, by the part that wrote it."""
        return {part: (self.directory / f"{part}.log").read_text(errors="replace") for part in PARTS}

    def ask(self, method, path, body=None, *, key=KEY, headers=None):
        """Make a request, and keep its answer."""
        given = {"Authorization": f"Bearer {key}", **(headers or {})}
        answer = call(method, f"{self.stack.url}{path}", body, given)
        self.answers.append(answer)
        return answer

    def send(self, **fields):
        """Send a message of the canary's."""
        message = {"sender_id": "MyCorp", "recipient": NUMBER, "text": TEXT, **fields}
        return self.ask("POST", "/api/messages/", message, headers={"Idempotency-Key": str(uuid.uuid4())})

    def graphql(self, query, variables=None, **options):
        """Ask by GraphQL."""
        return self.ask("POST", "/graphql/", {"query": query, "variables": variables}, **options)

    def report(self, document, *, secret=SIGNING_SECRET):
        """Post a receipt, as a provider does."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Provider-Signature": signature, "Content-Type": "application/json"}
        return self.ask("POST", "/api/webhooks/dlr/", body, headers=headers)

    def manage(self, *words, **environment):
        """Run a command of an operator's, and return all that it prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", *map(str, words)], cwd=ROOT, env={**self.stack.environment, **environment},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return done.stdout + done.stderr

    def wait_for_log(self, part, words, *, within=20):
        """Wait until a part has said something: that the error came is what makes the test one."""
        end = time.monotonic() + within
        while words not in self.logs()[part]:
            assert time.monotonic() < end, f"{part} never said {words!r}"
            time.sleep(0.1)


def send_canaries(found):
    """Send them through everything, and stop the service: what is said at the end counts, too."""
    found.stack.start()
    found.postgres.execute(DAMAGE, database="sms")
    for go in (through_rest, through_graphql, through_sockets, through_raw_sockets, through_receipts, as_a_stranger):
        go(found)
    if found.server == "uvicorn":  # nothing of what follows is served by the other
        for go in (through_the_worker, through_the_simulator, through_the_database, through_commands):
            go(found)
    without_servers(found)
    found.stack.stop()


def through_rest(found):
    """Good requests, and every kind of bad one."""
    sent = found.send(client_reference=TEXT, metadata={"note": TEXT, "number": NUMBER}).json()
    assert found.stack.wait_for(sent["id"], "DELIVERED")["text"] == TEXT
    for recipient in ("233200000904", "233200000911", "233200000914", "233200000916"):
        assert found.send(recipient=recipient).status == 202
    for fields in (
        {"recipient": f"{NUMBER}7"},
        {"recipient": TEXT},
        {"sender_id": TEXT},
        {"text": f"{TEXT} STOP"},
        {"text": f"{TEXT}\0"},
        {"metadata": {"note": 7}},
        {"priority": TEXT},
        {"send_at": TEXT},
        {TEXT: NUMBER},
    ):
        assert found.send(**fields).status == 400
    assert found.send(text=REFUSED).status == 500
    batch = {"messages": [{"sender_id": "MyCorp", "recipient": NUMBER, "text": one} for one in (TEXT, REFUSED)]}
    rows = found.ask("POST", "/api/messages/batch/", batch, headers={"Idempotency-Key": str(uuid.uuid4())}).json()
    assert rows["results"][1]["refusal"]["code"] == "INTERNAL_ERROR"
    cut_off = f'{{"text": "{TEXT}", "recipient": {NUMBER}'.encode()
    for body in (cut_off, TEXT.encode() * 3_000, b"\xff" + TEXT.encode()):
        answer = found.ask("POST", "/api/messages/", body, headers={"Content-Type": "application/json"})
        assert answer.status in {400, 413}
    for path in (NUMBER, urllib.parse.quote(TEXT), f"{sent['id']}/{DIGITS}"):
        assert found.ask("GET", f"/api/messages/{path}/?number={DIGITS}&key={KEY}").status == 404
        assert found.ask("POST", f"/api/messages/{path}/cancel/").status == 404
        assert found.ask("GET", f"/{path}").status == 404
    for key in (WRONG_KEY, TEXT):
        assert found.ask("GET", f"/api/messages/{sent['id']}/", key=key).status == 401
    assert found.ask("PUT", f"/api/messages/?{DIGITS}").status == 405
    assert found.ask("GET", "/healthz", headers={"Host": f"{DIGITS}.example"}).status == 400


def through_graphql(found):
    """With the canaries as variables, and written into documents."""
    refusal = "__typename ... on Refusal { code detail }"
    send = "mutation ($input: SendMessageInput!) { sendMessage(input: $input) { %s } }" % refusal
    good = {"senderId": "MyCorp", "recipient": NUMBER, "text": TEXT}
    for changed in ({}, {"recipient": TEXT}, {"senderId": NUMBER}, {"idempotencyKey": TEXT}):
        assert found.graphql(send, {"input": {**good, **changed}}).status == 200
    assert "Internal error" in found.graphql(send, {"input": {**good, "text": REFUSED}}).body.decode()
    for wrong in ({"text": 7, "recipient": [NUMBER]}, {**good, TEXT: TEXT}):
        found.graphql(send, {"input": wrong})
    inline = f'senderId: "MyCorp", recipient: "{NUMBER}", text: "{TEXT}"'
    for document in (
        f"mutation {{ sendMessage(input: {{{inline}}}) {{ __typename }} }}",
        f"mutation {{ sendMessage(input: {{{inline}, wrong: 1}}) {{ __typename }} }}",
        f'{{ message(id: "{TEXT} {NUMBER}") {{ id nothing }} }}',
        f'{{ message(id: "{TEXT}" ',
        f"# {TEXT}\n{{",
        "",
    ):
        found.graphql(document)
        found.ask("GET", f"/graphql/?query={urllib.parse.quote(document)}&number={DIGITS}")
    found.graphql(f'{{ message(id: "{TEXT}") {{ id }} }}', key=WRONG_KEY)
    found.ask("POST", "/graphql/", f'{{"query": "{TEXT}'.encode(), headers={"Content-Type": "application/json"})
    found.ask("POST", "/graphql/", TEXT.encode(), headers={"Content-Type": "text/plain"})


def talk(found, *frames, key=KEY, path=""):
    """Open a socket, say something once it was let in, and return the last answer, if there was any."""
    url = f"{found.stack.websocket_url}{path}"
    hello = json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {key}"}})
    answer = ""
    with (
        suppress(WebSocketException, TimeoutError, OSError),
        connect(url, subprotocols=["graphql-transport-ws"], close_timeout=1) as client,
    ):
        for frame in (hello, *frames):
            client.send(frame)
            answer = client.recv(timeout=10)
    found.answers.append(answer)
    return answer


def subscribing(document, *, name="1", **payload):
    """Return the frame that starts an operation."""
    return json.dumps({"type": "subscribe", "id": name, "payload": {"query": document, **payload}})


def watching(message_id):
    """Return the frame that follows a message."""
    return subscribing('subscription { messageStatus(id: "%s") { status providerStatus } }' % message_id)


def through_sockets(found):
    """What may be said there, and what may not."""
    message_id = found.send(recipient="233200000905").json()["id"]
    inline = f'senderId: "MyCorp", recipient: "{NUMBER}", text: "{REFUSED}"'
    query = f"?authorization={KEY}&number={DIGITS}"
    assert '"next"' in talk(found, watching(message_id), path=query)
    assert "MESSAGE_NOT_FOUND" in talk(found, watching(TEXT), path=query)
    refused = f"mutation {{ sendMessage(input: {{{inline}}}) {{ __typename }} }}"
    assert "Internal error" in talk(found, subscribing(refused, name=TEXT))
    for document in (f'{{ message(id: "{NUMBER}") {{ nothing }} }}', "{", f"# {TEXT}"):
        assert '"error"' in talk(found, subscribing(document, name=TEXT, variables={"text": TEXT}))
    for frame in (
        TEXT,
        json.dumps({"type": TEXT}),
        json.dumps({"type": "subscribe", "id": 1, "payload": TEXT}),
        b"\xff",
    ):
        talk(found, frame)
    talk(found, watching(message_id), key=WRONG_KEY)


def through_raw_sockets(found):
    """Requests that are none."""
    upgrade = (
        f"GET /graphql/?{DIGITS} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        f"Sec-WebSocket-Key: {TEXT}\r\nSec-WebSocket-Protocol: {TEXT}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    for written in (
        f"GET /{DIGITS} NONSENSE/9\r\nAuthorization: Bearer {KEY}\r\n\r\n",
        f"{TEXT}\r\n\r\n",
        f"POST /api/messages/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {NUMBER}x\r\n\r\n{TEXT}",
        upgrade,
    ):
        with socket.create_connection(("127.0.0.1", found.stack.port), timeout=2) as client, suppress(OSError):
            client.sendall(written.encode())
            client.recv(1000)


def through_receipts(found):
    """Unsigned, malformed, for nobody, with the canaries in every part; and one that cannot be applied."""
    sent = found.stack.wait_for(found.send(recipient="233200000905").json()["id"], "SENT")
    reference = sent["provider_reference"]
    good = {"provider_reference": reference, "status": "ENROUTE", "to": NUMBER, "text": TEXT}
    assert found.report(good).status == 202
    assert found.report(good, secret=WRONG_KEY).status == 401
    assert found.report({**good, "provider_reference": TEXT}).status == 202
    assert found.report({"status": TEXT, "msisdn": DIGITS}).status == 400
    assert found.report(TEXT.encode()).status == 400
    assert found.report({**good, "status": "BREAK", "error_code": NUMBER}).status == 202
    found.wait_for_log("worker", "receipt_failed")


def through_the_worker(found):
    """A task that ends with an error, in Celery's own words."""
    message_id = found.send(client_reference="breaks the claim").json()["id"]
    found.wait_for_log("worker", "raised unexpected")
    assert found.ask("POST", f"/api/messages/{message_id}/cancel/").status == 200
    sent = found.send().json()
    found.stack.wait_for(sent["id"], "DELIVERED")


def through_the_simulator(found):
    """The other side of the wire writes a log, too."""
    url = found.stack.simulator_url
    for body in ({"to": DIGITS, "text": TEXT}, {"client_reference": "x", "from": "M", "to": NUMBER, "text": 7}, TEXT):
        assert call("POST", f"{url}/v1/messages", body).status == 400
    call("GET", f"{url}/v1/submits?to={DIGITS}")
    call("GET", f"{url}/{DIGITS}")
    found.wait_for_log("simulator", "receipt_refused")


def through_the_database(found):
    """Statements that fail, whoever sends them."""
    for sql in (f"SELECT '{TEXT} {NUMBER}'::uuid", f"UPDATE sms_message SET status = '{DIGITS}'", f"SELECT {TEXT}"):
        with pytest.raises(psycopg2.Error):
            found.stack.query(sql)


def through_commands(found):
    """All that operators run, and also where no database answers."""
    ((broken,),) = found.stack.query("SELECT id FROM sms_receipt WHERE provider_status = 'BREAK'")
    for words in (["list", "--state", "failing"], ["list", "--state", "waiting"], ["show", broken]):
        found.printed.append(found.manage("receipts", *words))
    nowhere = {"DATABASE_URL": f"postgres://sms:{KEY}@127.0.0.1:1/sms"}
    for words in (["receipts"], ["reconcile"], ["prepare"], ["forget", NUMBER]):
        found.printed += [found.manage(*words), found.manage(*words, **nowhere)]


def as_a_stranger(found):
    """Another account asks for everything that it could know of."""
    key = str(uuid.uuid4())
    fields = {"sender_id": "MyCorp", "recipient": NUMBER, "text": TEXT, "client_reference": TEXT}
    mine = found.ask("POST", "/api/messages/", fields, headers={"Idempotency-Key": key}).json()["id"]
    other = {"sender_id": "MyCorp", "recipient": "233200000901", "text": "Hello"}
    query = "query ($id: ID!) { message(id: $id) { recipient text } }"
    cancel = "mutation ($id: ID!) { cancelMessage(id: $id) { __typename ... on Refusal { code detail } } }"
    first = len(found.answers)
    found.ask("GET", f"/api/messages/{mine}/", key=STRANGERS_KEY)
    found.ask("POST", f"/api/messages/{mine}/cancel/", key=STRANGERS_KEY)
    found.ask("POST", "/api/messages/", other, key=STRANGERS_KEY, headers={"Idempotency-Key": key})
    found.ask("POST", "/api/messages/", {**other, "text": REFUSED}, key=STRANGERS_KEY)
    found.graphql(query, {"id": mine}, key=STRANGERS_KEY)
    found.graphql(cancel, {"id": mine}, key=STRANGERS_KEY)
    talk(found, watching(mine), key=STRANGERS_KEY)
    found.strangers_answers = found.answers[first:]


def without_servers(found):
    """Redis and PostgreSQL go while somebody sends, watches and reports."""
    found.redis.kill()
    message_id = found.send(recipient="233200000905").json()["id"]
    assert '"next"' in talk(found, watching(message_id))
    found.redis.start()
    found.postgres.stop()
    assert found.send().status == 503
    assert found.graphql(f'{{ message(id: "{message_id}") {{ text }} }}').status == 503
    assert found.report({"provider_reference": TEXT, "status": NUMBER}).status == 503
    found.postgres.start()
