#!/bin/sh
# parity.sh PROGRAMS SEGMENT
#
# Serves one segment of a log twice, by C-Kafka's start_server and by the library's own interface, to several clients at
# once, and compares what each got with the file, and what both servers printed. Ends with 1 and what differed, if it did.
set -eu

programs=$1
segment=$2
clients=4

work=$(mktemp -d "${TMPDIR:-/tmp}/ckafka-parity.XXXXXX")
started=

finish() {
    for pid in $started; do
        kill "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

fail() {
    echo "parity: $1" >&2
    exit 1
}

# Starts a server; its port, once it listens, is in $port.
start() {
    timeout 60 "$programs/$1" "$segment" 0 >"$work/$1.out" &
    server=$!
    started="$started $server"
    tries=200
    until port=$(awk '/^Server Listening at Port / { print $5; found = 1 } END { exit !found }' "$work/$1.out"); do
        tries=$((tries - 1))
        kill -0 "$server" 2>/dev/null || fail "$1 ended before it listened"
        [ "$tries" -gt 0 ] || fail "$1 did not listen within 10 seconds"
        sleep 0.05
    done
}

# All clients of one server at once, each compared with the file.
fetch_all() {
    fetchers=
    for n in $(seq "$clients"); do
        timeout 60 "$programs/fetch" "$port" >"$work/$1.$n" &
        fetchers="$fetchers $!"
    done
    for pid in $fetchers; do
        wait "$pid" || fail "a client of $1 ended with $?"
    done
    for n in $(seq "$clients"); do
        cmp "$segment" "$work/$1.$n" || fail "a client of $1 got other bytes"
    done
    # The last line may come after the last byte.
    tries=200
    until [ "$(grep -c '^Sent' "$work/$1.out")" -eq "$clients" ] || [ "$tries" -eq 0 ]; do
        tries=$((tries - 1))
        sleep 0.05
    done
    printf '%-9s %d clients at once, each got %d bytes, as in the file\n' "$1" "$clients" "$(wc -c <"$segment")"
}

for server_name in serve serve_log; do
    start "$server_name"
    fetch_all "$server_name"
    grep -e '^Client' -e '^Sent' "$work/$server_name.out" | sort >"$work/$server_name.lines"
done
cmp "$work/serve.lines" "$work/serve_log.lines" || fail "the servers printed different lines"
printf '%-9s the same %d lines from both, for example:\n' printed "$(wc -l <"$work/serve.lines")"
# The path is one of this run.
sed -n "\$s|$segment|SEGMENT|p" "$work/serve.lines"

offsets=$(awk '/^Offsets at Port / { print $4 }' "$work/serve_log.out")
timeout 60 "$programs/fetch" "$offsets" 1000 >"$work/from"
size=$(wc -c <"$work/from")
tail -c "$size" "$segment" | cmp - "$work/from" || fail "from offset 1000 on, other bytes came"
printf '%-9s from offset 1000 on, a client that asked got %d bytes, as in the file\n' serve_log "$size"
