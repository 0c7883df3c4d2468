#!/bin/sh
# demo.sh PROGRAMS EVENTS
#
# A week of earthquakes into a log, out of it again, and through sockets to several clients at once, one of them
# slow; every record is compared with the input byte for byte on each way. Ends with the figures and 0, or with what
# differed and 1. Works in a folder of its own under $TMPDIR and removes it.
set -eu

programs=$1
events=$2
fast_clients=3
seconds_max=60

work=$(mktemp -d "${TMPDIR:-/tmp}/ckafka-demo.XXXXXX")
log=$work/log
started=

# Whatever happens, nothing that was started here is left behind.
finish() {
    for pid in $started; do
        kill "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

fail() {
    echo "demo: $1" >&2
    exit 1
}

title() {
    printf '\n== %s\n' "$1"
}

# Runs a program for a limited time, and shows what it prints also when it fails.
run() {
    name=$1
    shift
    status=0
    timeout "$seconds_max" "$programs/$name" "$@" >"$work/$name.out" || status=$?
    cat "$work/$name.out"
    [ "$status" -eq 0 ] || fail "$name ended with $status"
}

# Starts a program in the background, its output in a file; its process id is then in $pid.
start() {
    output=$1
    name=$2
    shift 2
    timeout "$seconds_max" "$programs/$name" "$@" >"$work/$output.out" &
    pid=$!
    started="$started $pid"
}

# "appended 1707 records, 1216137 bytes, 31.4 MB/s" as a row of the closing table.
row() {
    awk -v what="$1" -v note="$3" '$1 == what && $3 == "records," {
        printf "%-9s %8s %10s %10s   %s\n", what, $2, $4, $6, note
    }' "$2"
}

title "append: one week of earthquakes, durably"
run quakes_append "$log" "$events"

title "read: everything, by offset, by time"
run quakes_read "$log" "$events"

title "send: $fast_clients clients and a slow one, all at once"
start server quakes_server "$log" $((fast_clients + 1))
server=$pid
tries=200
until port=$(awk '$1 == "port" { print $2; found = 1 } END { exit !found }' "$work/server.out"); do
    tries=$((tries - 1))
    kill -0 "$server" 2>/dev/null || fail "the server ended before it listened"
    [ "$tries" -gt 0 ] || fail "the server did not listen within 10 seconds"
    sleep 0.05
done
start client-slow quakes_client "$port" "$events" slow
clients=$pid
for n in $(seq "$fast_clients"); do
    start "client-$n" quakes_client "$port" "$events"
    clients="$clients $pid"
done
status=0
for pid in $clients; do
    wait "$pid" || status=$?
done
started=$server
[ "$status" -eq 0 ] || fail "a client ended with $status"
wait "$server" || status=$?
started=
cat "$work/server.out" "$work"/client-*.out
[ "$status" -eq 0 ] || fail "the server ended with $status"

title "parity: C-Kafka's start_server and the new interface, on the segment of that log"
sh "$(dirname "$0")/compat/parity.sh" "$programs/compat" "$log/quakes-0/00000000000000000000.log"

title "figures"
printf '%-9s %8s %10s %10s\n' "" records bytes MB/s
row appended "$work/quakes_append.out" "each batch on disk before the next"
row read "$work/quakes_read.out" "checksums checked, compared byte for byte"
row sent "$work/server.out" "while in ckafka_send, to $((fast_clients + 1)) clients"
grep -e '^sent by the kernel' -e '^copied through user space' "$work/server.out"
