#!/bin/sh
# Drives the published HTTP contract of a running server by curl. It knows what API says, and nothing of the server.
#
#   sh scripts/contract.sh URL ADMIN_KEY READ_KEY REFERENCE
#
# REFERENCE is a name in the server's reference library. Every line it prints is one claim; it ends with 1 at the first
# that does not hold.
set -eu

url="$1" admin="$2" read="$3" reference="$4"
room="$(mktemp -d)"
trap 'rm -rf "$room"' EXIT
seen=''

curl() { command "${CURL:-curl}" "$@"; }

fail() {
    printf 'NOT SO: %s\n' "$*" >&2
    [ ! -f "$room/body" ] || { head -c 2000 "$room/body" >&2; printf '\n' >&2; }
    exit 1
}

# ask STATUS WHAT CURL-ARGUMENTS...: the status must be this; body and head are left in $room.
ask() {
    wanted="$1" what="$2"
    shift 2
    got="$(answer "$@")" || fail "$what: no answer"
    is_answered "$wanted" "$what"
}

# answer CURL-ARGUMENTS...: prints the status.
answer() { curl -sS -o "$room/body" -D "$room/head" -w '%{http_code}' "$@"; }

# is_answered STATUS WHAT: what was $got must be this, and a refusal must say all that a refusal says.
is_answered() {
    [ "$got" = "$1" ] || fail "$2: $got, not $1"
    case "$1" in
    [45]*)
        grep -qi '^content-type: application/problem+json' "$room/head" || fail "$2: the refusal is no problem+json"
        for field in type title status detail code retryable trace_id; do has "\"$field\":" "$2"; done
        ;;
    esac
    seen="$seen $1"
    printf '%s %s\n' "$1" "$2"
}

has() { grep -qF "$1" "$room/body" || fail "$2: the body lacks $1"; }
told() { grep -qi "^$1:" "$room/head" || fail "$2: no header $1"; }
# field NAME: the first string of that name in the body.
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$room/body" | head -1; }
# The job's own status, not that of a character among its results.
status() { grep -q "^{\"job_id\":\"[^\"]*\",\"status\":\"\($1\)\"" "$room/body"; }
as() { printf 'Authorization: Bearer %s' "$1"; }

pipeline="$url/api/v1/pipeline"
json='Content-Type: application/json'
one="{\"count\": 1, \"reference_videos\": [\"$reference\"], \"options\": {\"generate_variants\": false}}"

# Without a key.
ask 200 'health needs no key' "$url/health"
ask 200 'health under the interface' "$url/api/v1/health"
ask 200 'readiness' "$url/readyz"
ask 200 'the OpenAPI document' "$url/openapi.json"
has '"openapi": "3.1' 'the OpenAPI document'
ask 200 'the docs page' "$url/docs"
ask 401 'no key' "$pipeline/jobs"
told www-authenticate 'no key'
has '"success":false' 'no key'
has '"error":' 'no key'
ask 401 'a wrong key' -H "$(as wrong-wrong-wrong-wrong)" "$pipeline/jobs"

# Refused.
ask 403 'a key that may only read starts nothing' -H "$(as "$read")" -H "$json" -d "$one" "$pipeline/run"
ask 400 'count 0' -H "$(as "$admin")" -H "$json" -d '{"count": 0}' "$pipeline/run"
ask 400 'count 11' -H "$(as "$admin")" -H "$json" -d '{"count": 11}' "$pipeline/run"
ask 400 'no count' -H "$(as "$admin")" -H "$json" -d '{}' "$pipeline/run"
ask 400 'an unknown field' -H "$(as "$admin")" -H "$json" -d '{"count": 1, "colour": "red"}' "$pipeline/run"
ask 400 'no JSON' -H "$(as "$admin")" -H "$json" -d '{"count": ' "$pipeline/run"
ask 400 'an unknown style, with those there are' -H "$(as "$admin")" -H "$json" -d '{"count": 1, "style_id": "polka"}' "$pipeline/run"
has 'kpop_dance' 'an unknown style'
ask 400 'an unknown reference, with those there are' -H "$(as "$admin")" -H "$json" -d '{"count": 1, "reference_videos": ["nobody.mp4"]}' "$pipeline/run"
has "$reference" 'an unknown reference'
ask 400 'a path for a reference' -H "$(as "$admin")" -H "$json" -d '{"count": 1, "reference_videos": ["/etc/passwd"]}' "$pipeline/run"
ask 400 'limit 0' -H "$(as "$admin")" "$pipeline/jobs?limit=0"
ask 400 'limit 201' -H "$(as "$admin")" "$pipeline/jobs?limit=201"
ask 400 'an unknown status' -H "$(as "$admin")" "$pipeline/jobs?status=sleeping"
ask 400 'an unknown query parameter' -H "$(as "$admin")" "$pipeline/jobs?more=1"
ask 404 'an unknown job' -H "$(as "$admin")" "$pipeline/status/550e8400-e29b-41d4-a716-446655440000"
ask 404 'no job id' -H "$(as "$admin")" "$pipeline/status/../../etc/passwd" --path-as-is
ask 404 'cancelling an unknown job' -H "$(as "$admin")" -X POST "$pipeline/cancel/550e8400-e29b-41d4-a716-446655440000"
ask 404 'an unknown route' -H "$(as "$admin")" "$url/api/v1/nothing"
ask 405 'a method it does not take' -H "$(as "$admin")" -X PUT "$pipeline/run"
told allow 'a method it does not take'
ask 415 'a body that is no JSON by its type' -H "$(as "$admin")" -H 'Content-Type: text/plain' -d "$one" "$pipeline/run"
head -c 1100000 /dev/zero | tr '\0' ' ' >"$room/large"
ask 413 'a body beyond 1 MiB' -H "$(as "$admin")" -H "$json" -H 'Expect:' --data-binary "@$room/large" "$pipeline/run"

# Started, done once, followed.
ask 202 'a production' -H "$(as "$admin")" -H "$json" -H 'Idempotency-Key: first' -d "$one" "$pipeline/run"
has '"success":true' 'a production'
has '"status":"queued"' 'a production'
has '"estimated_duration":' 'a production'
job="$(field job_id)"
cp "$room/body" "$room/first"
ask 202 'the same asked again is answered the same' -H "$(as "$admin")" -H "$json" -H 'Idempotency-Key: first' -d "$one" "$pipeline/run"
cmp -s "$room/first" "$room/body" || fail 'the second answer differs'
ask 422 'another request with that Idempotency-Key' -H "$(as "$admin")" -H "$json" -H 'Idempotency-Key: first' -d '{"count": 2}' "$pipeline/run"
ask 200 'its status' -H "$(as "$read")" "$pipeline/status/$job"
for name in job_id status progress total completed current_character current_stage percent_complete results errors created_at updated_at estimated_completion; do
    has "\"$name\":" 'its status'
done
ask 200 'the list of jobs' -H "$(as "$read")" "$pipeline/jobs?limit=10"
has "$job" 'the list of jobs'
has '"count":1' 'the list of jobs'

# Many at once with one key: one is done, and who comes meanwhile is told so.
round=0
while :; do
    round=$((round + 1))
    [ "$round" -le 20 ] || fail 'no request met another of the same Idempotency-Key under way'
    codes="$(curl -sS --parallel --parallel-immediate --parallel-max 40 -o /dev/null -w '%{http_code}\n' -H "$(as "$admin")" -H "$json" \
        -H "Idempotency-Key: together $round" -d "$one" "$pipeline/run{,,,,,,,,,,,,,,,}" 2>/dev/null)"
    printf '%s\n' "$codes" | grep -qv -e '^202$' -e '^409$' && fail "one of many was answered $codes"
    printf '%s\n' "$codes" | grep -q '^409$' && break
done
seen="$seen 409"
printf '409 a request whose Idempotency-Key is under way\n'

# Every other job is stopped.
ask 200 'jobs under way' -H "$(as "$admin")" "$pipeline/jobs?limit=200"
tr '{' '\n' <"$room/body" | sed -n 's/.*"job_id":"\([^"]*\)","status":"\(queued\|running\)".*/\1/p' >"$room/others"
while read -r other; do
    [ "$other" != "$job" ] || continue
    curl -sS -o /dev/null -H "$(as "$admin")" -X POST "$pipeline/cancel/$other"
    last="$other"
done <"$room/others"
if [ -n "${last:-}" ]; then
    waited=0
    until got="$(answer -H "$(as "$admin")" "$pipeline/status/$last")" && status cancelled; do
        waited=$((waited + 1))
        [ "$waited" -le 20 ] || fail 'a job that was stopped goes on'
        sleep 0.5
    done
    is_answered 200 'a job that was stopped'
fi

waited=0
until ask 200 'the production' -H "$(as "$admin")" "$pipeline/status/$job" >/dev/null && status 'completed\|failed'; do
    waited=$((waited + 1))
    [ "$waited" -le 240 ] || fail 'the production does not end'
    sleep 1
done
status completed || fail 'the production is not completed'
has '"percent_complete":100' 'the production'
for name in character_id name anime_image cosplay_image dances remixes deliverables watermarked kpop_soundtrack; do has "\"$name\"" 'its results'; done
printf '200 the production is completed\n'
ask 400 'cancelling what has ended' -H "$(as "$admin")" -X POST "$pipeline/cancel/$job"

# The stream of events.
curl -sS -N -o "$room/events" -H "$(as "$read")" "$url/api/v1/events?after=0&follow=false" || fail 'the events do not end'
grep '^id: ' "$room/events" | cut -d' ' -f2 >"$room/ids"
first="$(head -1 "$room/ids")" last_id="$(tail -1 "$room/ids")"
[ "$first" = 1 ] || fail "the events begin with $first"
[ "$(wc -l <"$room/ids")" = "$last_id" ] || fail 'the events have gaps'
printf '200 the events, without a gap\n'
curl -sS -N -o "$room/rest" -H "$(as "$read")" -H "Last-Event-ID: $((last_id - 3))" "$url/api/v1/events?follow=false"
[ "$(grep -c '^id: ' "$room/rest")" -ge 3 ] || fail 'the stream does not go on behind Last-Event-ID'
[ "$(grep '^id: ' "$room/rest" | head -1)" = "id: $((last_id - 2))" ] || fail 'the stream goes on elsewhere'
printf '200 the events behind Last-Event-ID\n'
ask 410 'events that are not kept' -H "$(as "$read")" "$url/api/v1/events?after=99999999999"
has 'after=' 'events that are not kept'

# Last, since it uses the key up: too many requests.
hammer() {
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
        curl -sS --parallel --parallel-max 8 -o /dev/null -w '%{http_code}\n' -H "$(as "$read")" "$pipeline/jobs?limit=[1-200]" >>"$room/codes" 2>/dev/null
    done
}
hammer &
hammering=$!
# Asked while others go on asking: what is allowed again meanwhile may fall to either, so this asks until it is refused.
until got="$(answer -H "$(as "$read")" "$pipeline/jobs")" && [ "$got" = 429 ]; do
    kill -0 "$hammering" 2>/dev/null || fail 'nothing is too many'
done
is_answered 429 'too many requests'
told retry-after 'too many requests'
wait "$hammering"
grep -qv -e '^200$' -e '^429$' "$room/codes" && fail 'hammering is answered otherwise'
ask 200 'another key is not held back' -H "$(as "$admin")" "$pipeline/jobs"

for status in 200 202 400 401 403 404 405 409 410 413 415 422 429; do
    case "$seen" in *" $status"*) ;; *) fail "status $status was never seen" ;; esac
done
printf 'The contract holds.\n'
