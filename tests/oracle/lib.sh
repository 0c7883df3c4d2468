# shellcheck shell=bash
# shellcheck disable=SC2046  # what dumpclass prints is one word
# Sourced by the other scripts.  Wants:
#   KAFKA_LIBS  directory of a broker's jars (default target/oracle/broker-4.3.0 of the project; fetched where it is missing)
#   WORK        scratch directory: server.properties, broker output, metadata log (default target/oracle/work-PORT)
#   PY          python with confluent-kafka installed (default python3)
#   PORT        client port; PORT+1 is the controller's (default: the first free pair from 19092 on)
MAKE=${MAKE:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)}
. "$MAKE/jars.sh"
KAFKA_LIBS=${KAFKA_LIBS:-$ORACLE/broker-$KAFKA_VERSION}
fetch_jars "$MAKE/pom.xml" "$KAFKA_VERSION" "$KAFKA_LIBS" kafka-clients || exit 2
# Takes a pair of ports: nobody listens there, and no other run holds its lock (file descriptor 8, until this shell ends).
claim_ports() {
  for PORT in $(seq 19092 10 19992); do
    exec 8>"$ORACLE/port-$PORT.lock"
    flock -n 8 || continue
    (exec 3<>"/dev/tcp/127.0.0.1/$PORT" || exec 3<>"/dev/tcp/127.0.0.1/$((PORT+1))") 2>/dev/null || return 0
  done
  echo "no free port between 19092 and 19992" >&2; return 1
}
mkdir -p "$ORACLE"; [ -n "${PORT:-}" ] || claim_ports || exit 2
WORK=${WORK:-$ORACLE/work-$PORT}
PY=${PY:-python3}; CPORT=$((PORT+1)); BOOT=127.0.0.1:$PORT
CLUSTER_ID=${CLUSTER_ID:-Z29sZGVuLWthZmthLTAwMQ}
HEAP=${HEAP:--Xmx512m}
mkdir -p "$WORK"
J() { java $HEAP -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=${LOGLEVEL:-warn} -cp "$KAFKA_LIBS/*" "$@"; }
G() { "$PY" "$MAKE/golden.py" --bootstrap "$BOOT" "$@"; }
# write_props LOGDIR METADIR [extra lines...]
write_props() {
  local ld=$1 md=$2; shift 2
  { cat <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$CPORT
listeners=PLAINTEXT://127.0.0.1:$PORT,CONTROLLER://127.0.0.1:$CPORT
controller.listener.names=CONTROLLER
log.dirs=$ld
metadata.log.dir=$md
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
log.retention.ms=-1
log.cleaner.backoff.ms=300
log.cleaner.dedupe.buffer.size=4194304
P
    printf '%s\n' "$@"; } > "$WORK/server.properties"
}
format_dirs() { J kafka.tools.StorageTool format -t "$CLUSTER_ID" -c "$WORK/server.properties" --ignore-formatted >"$WORK/format.out" 2>&1 || { cat "$WORK/format.out"; return 1; }; }
start_broker() {
  java $HEAP -Dorg.slf4j.simpleLogger.defaultLogLevel=info -cp "$KAFKA_LIBS/*" kafka.Kafka "$WORK/server.properties" >>"$WORK/broker.out" 2>&1 &
  BROKER_PID=$!
  G wait-up --pid $BROKER_PID || { tail -30 "$WORK/broker.out"; return 1; }
}
stop_broker() { kill -TERM $BROKER_PID; wait $BROKER_PID 2>/dev/null || true; BROKER_PID=; return 0; }
kill_broker() { kill -KILL $BROKER_PID; wait $BROKER_PID 2>/dev/null || true; BROKER_PID=; return 0; }
# produce_java TOPIC PARTITION SPEC prop=val...
produce_java() { J "$MAKE/GoldenProducer.java" "$BOOT" "$@"; }
# DumpLogSegments: 3.x has kafka.tools.*, 4.x org.apache.kafka.tools.*
dumpclass() { if ls "$KAFKA_LIBS"/kafka_2.13-3.* >/dev/null 2>&1; then echo kafka.tools.DumpLogSegments; else echo org.apache.kafka.tools.DumpLogSegments; fi; }
# dump_case CASEDIR [subdir]: writes dump/<partition>.txt.gz and batches/<partition>.jsonl
# (on a copy: DumpLogSegments opens indexes read-write, trims partial entries and creates missing files)
dump_case() {
  local c=$1 ld=${2:-log-dir} out=${3:-dump} bout=${4:-batches} d
  mkdir -p "$c/$out" "$c/$bout"
  local cp=$WORK/dumpcopy; rm -rf "$cp"; cp -a --sparse=always "$c/$ld" "$cp"
  for d in "$cp"/*-[0-9]; do
    [ -d "$d" ] || continue
    local p; p=$(basename "$d")
    local f; f=$(cd "$cp" && ls $p/*.log $p/*.index $p/*.timeindex $p/*.txnindex $p/*.snapshot 2>/dev/null | paste -sd, -)
    [ -n "$f" ] || continue
    (cd "$cp" && J $(dumpclass) --deep-iteration --print-data-log --files "$f") > "$c/$out/$p.txt" 2>&1
    "$PY" "$MAKE/golden.py" batches "$c/$out/$p.txt" > "$c/$bout/$p.jsonl"; gzip -9nf "$c/$out/$p.txt"
  done
}
