#!/bin/bash
# broker.sh DIR   starts a Kafka broker on a free pair of ports of this machine, with its files in DIR, says where it listens,
# and stops it when standard input ends. PY is a Python with confluent-kafka. Starting takes a minute at most.
set -euo pipefail
export WORK=$1 HEAP=${HEAP:--Xmx512m}
. "$(dirname "${BASH_SOURCE[0]}")/../../../tests/oracle/lib.sh"
write_props "$WORK/log" "$WORK/metadata"
sed -i '/^auto.create.topics.enable=/d' "$WORK/server.properties"
format_dirs
trap '[ -z "${BROKER_PID:-}" ] || kill -KILL "$BROKER_PID" 2>/dev/null || true' EXIT
start_broker
echo "$BOOT"
cat >/dev/null
stop_broker
