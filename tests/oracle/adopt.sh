#!/bin/bash
# adopt.sh [-x] [-m recover|clean] [-e EXPECTED.jsonl] [-i isolation] [-c topic.config=value]... PARTITION_DIR
# Does a real Apache Kafka broker open, recover and serve the log in PARTITION_DIR (named <topic>-<partition>)?
#   env, each with a default (lib.sh): KAFKA_LIBS (all jars of a broker), WORK (scratch), PORT
# Needs java, once Maven has fetched the jars.  What it does:
#   1. formats a fresh KRaft log dir and starts the broker; creates the topic (the partition must exist in the KRaft
#      metadata: a directory without it is renamed *-stray at start);
#   2. stops the broker cleanly, replaces everything in <topic>-<p>/ with PARTITION_DIR's files, except
#      partition.metadata, which keeps the topic id that the metadata log knows;
#   3. -m recover (default): removes .kafka_cleanshutdown and the recovery point, so at start the broker walks every
#      batch of every segment (CRC, offsets), rebuilds all indexes and producer state, cuts what is invalid;
#      -m clean: leaves .kafka_cleanshutdown: the broker trusts the files as they are. It notices a missing .index and
#      rebuilds it, but neither a bad CRC, nor a torn old segment (served with a gap!), nor a corrupt index: so only the
#      comparison with EXPECTED and the seeks and timestamp lookups of step 4 show what our indexes are worth;
#   4. starts the broker again, consumes the partition from its start, compares with EXPECTED.jsonl when given, seeks to
#      up to 100 offsets and looks up 200 timestamps (through .index and .timeindex, with read_uncommitted EXPECTED), and
#      reports what the broker changed on disk (a recovery that had to cut or rebuild something is a finding).
# Notes: leader-epoch-checkpoint always differs afterwards (the broker adds its new epoch). To see the broker rebuild the
# same indexes, give -c index.interval.bytes=<what wrote it used> (default 4096); then no "note" about them must appear.
# For a compacted log do not pass -c cleanup.policy=compact: the cleaner would rewrite it at once (offset gaps are fine
# under "delete"). Producer ids whose last record timestamp is more than a day old vanish from the .snapshot files.
# -x: an index, time index or transaction index that the broker changed counts as a failure (with -m recover and the writer's index.interval.bytes).
# exit 0: served, equal to EXPECTED, and no byte of any .log was cut; 1 otherwise.
set -u
MODE=recover; STRICT=; EXP=; ISO=read_uncommitted; CFG=()
while getopts xm:e:i:c: o; do case $o in x) STRICT=1;; m) MODE=$OPTARG;; e) EXP=$OPTARG;; i) ISO=$OPTARG;; c) CFG+=("$OPTARG");; *) exit 2;; esac; done; shift $((OPTIND-1))
SRC=$(cd "$1" && pwd) || exit 2; P=$(basename "$SRC"); TOPIC=${P%-*}; PART=${P##*-}
HERE=$(cd "$(dirname "$0")" && pwd); . "$HERE/lib.sh"
L=$WORK/adopt-log; rm -rf "$L" "$WORK/adopt-meta" "$WORK/broker.out"; mkdir -p "$L"
client() { J "$HERE/GoldenClient.java" "$@"; }
start_java_wait() { # without python: wait for the port, the client itself retries
  java $HEAP -Dorg.slf4j.simpleLogger.defaultLogLevel=info -cp "$KAFKA_LIBS/*" kafka.Kafka "$WORK/server.properties" >>"$WORK/broker.out" 2>&1 & BROKER_PID=$!
  for _ in $(seq 1 1800); do (exec 3<>/dev/tcp/127.0.0.1/$PORT) 2>/dev/null && return 0; kill -0 $BROKER_PID 2>/dev/null || { tail -20 "$WORK/broker.out"; return 1; }; sleep 0.1; done; return 1; }
trap '[ -z "${BROKER_PID:-}" ] || kill -9 $BROKER_PID 2>/dev/null' EXIT
write_props "$L" "$WORK/adopt-meta" "log.initial.task.delay.ms=600000"; format_dirs || exit 1
start_java_wait || exit 1
client create $BOOT "$TOPIC" $((PART+1)) retention.ms=-1 "${CFG[@]}" >"$WORK/topic-id" || exit 1
for _ in $(seq 1 100); do [ -f "$L/$P/partition.metadata" ] && break; sleep 0.1; done
stop_broker
rm -f "$L/$P"/*[0-9].* "$L/$P/leader-epoch-checkpoint"
for f in "$SRC"/*; do case $(basename "$f") in partition.metadata) ;; *) cp -a --sparse=always "$f" "$L/$P/";; esac; done
if [ "$MODE" = recover ]; then rm -f "$L/.kafka_cleanshutdown"; sed -i -E "s/^($TOPIC $PART) .*/\1 0/" "$L/recovery-point-offset-checkpoint"; fi
: > "$WORK/broker.out"; start_java_wait || exit 1
rc=0
client consume $BOOT "$TOPIC" "$PART" "$ISO" > "$WORK/adopted.jsonl" || rc=1
if [ -n "$EXP" ] && [ "$ISO" = read_uncommitted ]; then client probe $BOOT "$TOPIC" "$PART" "$EXP" | sed 's/^/ADOPT: /'; [ ${PIPESTATUS[0]} = 0 ] || rc=1; fi
stop_broker
if [ -n "$EXP" ]; then
  python3 - "$EXP" "$WORK/adopted.jsonl" <<'PY' || rc=1
import json,sys
a,b=[[json.loads(l) for l in open(f,encoding="utf-8")] for f in sys.argv[1:3]]
if a==b: print("ADOPT: %d records as expected" % len(b))
else:
    i=next((i for i in range(min(len(a),len(b))) if a[i]!=b[i]),min(len(a),len(b)))
    print("ADOPT: differs: expected %d records, broker served %d, first difference at line %d" % (len(a),len(b),i+1)); print(" want",a[i:i+1]); print(" got ",b[i:i+1]); sys.exit(1)
PY
fi
for f in "$SRC"/*.log; do b=$(basename "$f"); cmp -s "$f" "$L/$P/$b" || { echo "ADOPT: $b is not what was put there ($(stat -c %s "$f") bytes before, $(stat -c %s "$L/$P/$b" 2>/dev/null || echo gone) after)"; rc=1; }; done
for f in "$SRC"/*.index "$SRC"/*.timeindex "$SRC"/*.txnindex "$SRC"/*.snapshot "$SRC"/leader-epoch-checkpoint; do [ -e "$f" ] || continue; b=$(basename "$f"); cmp -s "$f" "$L/$P/$b" || { echo "ADOPT: note: $b differs after the broker ran ($(stat -c %s "$f") -> $(stat -c %s "$L/$P/$b" 2>/dev/null || echo gone))"; case $b in *index) [ -z "$STRICT" ] || rc=1;; esac; }; done
grep -aE "$P\b" "$WORK/broker.out" | grep -aE 'orrupt|invalid|Truncat|stray|Inconsistent|WARN|ERROR|Found ' | sed -E 's/^\[[^]]*\] //; s#'"$L"'/##g' | sed 's/^/ADOPT: broker: /' | cut -c1-400 | head -20
[ -d "$L/$P" ] || { echo "ADOPT: partition directory is gone: $(ls "$L")"; rc=1; }
[ $rc = 0 ] && echo "ADOPT: ok ($MODE)"; exit $rc
