#!/usr/bin/env bash
# A message's round trip by REST, with curl alone: send, repeat, show, send later and cancel. `make run` has to be up.
set -euo pipefail

url=${SMS_URL:-http://127.0.0.1:8080}
# The demo account of `make run` needs no key; anywhere else set SMS_API_KEY.
api=(curl --silent --show-error --fail-with-body)
if [ -n "${SMS_API_KEY:-}" ]; then api+=(--header "Authorization: Bearer $SMS_API_KEY"); fi

# One idempotency key for each message: make it once, keep it with the order, and repeat the request with it freely.
key="order-$(date +%s)-$RANDOM"

send() { # $1: key, $2: the message as JSON; prints the answer with its headers
  "${api[@]}" --include "$url/api/messages/" --header "Idempotency-Key: $1" --header 'Content-Type: application/json' \
    --data "$2"
}
id_in() { grep -o '"id":"[^"]*"' | head -n 1 | cut -d '"' -f 4; }
status_in() { grep -o '"status":"[^"]*"' | head -n 1 | cut -d '"' -f 4; }

message='{"sender_id": "MyCorp", "recipient": "+233200000901", "text": "Your parcel is on its way"}'

answer=$(send "$key" "$message") # 202: it is stored for good
id=$(id_in <<<"$answer")
echo "sent      $id $(status_in <<<"$answer")"

# Was the answer lost? The same request with the same key is the same message, and one text: it says so in a header.
answer=$(send "$key" "$message")
echo "repeated  $(id_in <<<"$answer") $(grep -i '^idempotency-replayed' <<<"$answer" | tr -d '\r')"

# Look until nothing changes any more (a websocket or /graphql/ as an event stream tells it without asking).
for _ in $(seq 100); do
  answer=$("${api[@]}" "$url/api/messages/$id/")
  if grep -q '"final":true' <<<"$answer"; then break; fi
  sleep 0.2
done
echo "shown     $id $(status_in <<<"$answer")"

# A message that is to be sent later can be withdrawn until then.
tomorrow=$(date -u -d '+1 day' +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || date -u -v+1d +%Y-%m-%dT%H:%M:%SZ)
answer=$(send "$key-reminder" "${message%\}}, \"send_at\": \"$tomorrow\"}")
id=$(id_in <<<"$answer")
echo "scheduled $id $(status_in <<<"$answer")"
answer=$("${api[@]}" --request POST "$url/api/messages/$id/cancel/")
echo "canceled  $id $(status_in <<<"$answer")"
