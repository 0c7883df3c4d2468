#!/bin/bash
# broker.sh DIR: runs a real Apache Kafka broker on the log directory DIR until standard input ends, and says how it went, a line each:
#   started PID      it has taken the directory and listens
#   ended STATUS     it has ended; before that, what it said of its reasons, on lines that begin with "broker: "
# Whoever kills PID gets the second line. What the broker keeps beside the directory is its own (see lib.sh): its metadata are not in DIR.
set -u
DIR=$(cd "$1" && pwd) || exit 2
HERE=$(cd "$(dirname "$0")" && pwd); . "$HERE/lib.sh"
BROKER_PID=
trap '[ -z "$BROKER_PID" ] || kill -9 $BROKER_PID 2>/dev/null' EXIT
rm -rf "$WORK/hold-meta" "$WORK/broker.out"
write_props "$DIR" "$WORK/hold-meta"
format_dirs || exit 2
# The broker must not hold this script's standard input and output, which somebody waits to end.
java $HEAP -Dorg.slf4j.simpleLogger.defaultLogLevel=info -cp "$KAFKA_LIBS/*" kafka.Kafka "$WORK/server.properties" </dev/null >"$WORK/broker.out" 2>&1 &
BROKER_PID=$!
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; }
# The controller listens first; the log directory is taken before the clients' port opens.
until listens || ! kill -0 $BROKER_PID 2>/dev/null; do sleep 0.1; done
if kill -0 $BROKER_PID 2>/dev/null; then
  echo "started $BROKER_PID"
  # Until told to end, or until it is killed.
  while kill -0 $BROKER_PID 2>/dev/null; do
    read -r -t 0.1 _; [ $? -le 128 ] && kill -TERM $BROKER_PID 2>/dev/null && break
  done
fi
wait $BROKER_PID; status=$?; BROKER_PID=
grep -aE 'acquire lock|ERROR|Exception:' "$WORK/broker.out" | cut -c1-300 | head -8 | sed 's/^/broker: /'
echo "ended $status"
