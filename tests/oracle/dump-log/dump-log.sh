#!/bin/bash
# dump-log.sh [-q] [--gaps] [--opt ...] FILE...
# Runs Apache Kafka's own DumpLogSegments (4.3.0) over .log/.index/.timeindex/.txnindex/.snapshot files and
# turns its findings into an exit status (the tool itself exits 0 on most corruption).
#   -q      print only the findings          --gaps  offset gaps are fine (compacted logs)
#   default options are --deep-iteration --print-data-log; any other options (with leading --) replace them
# exit 0 clean; 1 something is wrong (the lines that say so are on stderr, prefixed "DUMP-LOG:"); 2 usage/setup.
# A fresh machine needs mvn and java (11+); the jars land once in ${DUMP_LOG_LIBS:-<project>/target/oracle/dump-log-4.3.0}.
#
# It works on a copy (the .log is only linked): DumpLogSegments opens index files read-write, cuts a trailing partial
# entry off the file it is given, and creates the .index beside a .timeindex or .index when it is missing.
set -u
HERE=$(cd "$(dirname "$0")" && pwd); V=${KAFKA_VERSION:-4.3.0}
. "$HERE/../jars.sh"
LIBS=${DUMP_LOG_LIBS:-$ORACLE/dump-log-$V}
quiet=; gaps=0; opts=(); files=()
for a in "$@"; do case $a in -q) quiet=1;; --gaps) gaps=1;; --*) opts+=("$a");; *) files+=("$a");; esac; done
[ ${#files[@]} -gt 0 ] || { echo "usage: dump-log.sh [-q] [--gaps] [--opt ...] FILE..." >&2; exit 2; }
[ ${#opts[@]} -gt 0 ] || opts=(--deep-iteration --print-data-log)
fetch_jars "$HERE/pom.xml" "$V" "$LIBS" kafka-tools || { echo "DUMP-LOG: no jars" >&2; exit 2; }
bad=0
say() { echo "DUMP-LOG: $*" >&2; bad=1; }
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT
declare -A dirs; n=0; copies=(); sedargs=()
for f in "${files[@]}"; do
  [ -f "$f" ] || { echo "DUMP-LOG: no such file $f" >&2; exit 2; }
  d=$(dirname "$f"); b=$(basename "$f"); s=${b%.*}; z=$(stat -L -c %s "$f")
  if [ -z "${dirs[$d]:-}" ]; then n=$((n+1)); dirs[$d]=$T/dl$n; mkdir "$T/dl$n"; sedargs+=(-e "s#$T/dl$n/#$d/#g"); fi
  t=${dirs[$d]}
  case $b in
    *.log) ;;
    *.index) [ $((z % 8)) -eq 0 ] || say "$f: $z bytes is not a multiple of 8"; [ -f "$d/$s.log" ] || { say "$f: no .log beside it"; continue; };;
    *.timeindex) [ $((z % 12)) -eq 0 ] || say "$f: $z bytes is not a multiple of 12"; [ -f "$d/$s.index" ] && [ -f "$d/$s.log" ] || { say "$f: no .index or no .log beside it"; continue; };;
    *.txnindex) [ $((z % 34)) -eq 0 ] || say "$f: $z bytes is not a multiple of 34";;
    *.snapshot) ;;
    *) say "$f: not a file DumpLogSegments reads"; continue;;
  esac
  [ ! -f "$d/$s.log" ] || ln -sfn "$(cd "$d" && pwd)/$s.log" "$t/$s.log"
  for e in index timeindex; do [ ! -f "$d/$s.$e" ] || [ -f "$t/$s.$e" ] || cp --sparse=always "$d/$s.$e" "$t/"; done
  case $b in *.log) ;; *) [ -f "$t/$b" ] || cp "$f" "$t/";; esac
  copies+=("$t/$b")
done
[ ${#copies[@]} -gt 0 ] || exit $bad
java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -cp "$LIBS/*" org.apache.kafka.tools.DumpLogSegments "${opts[@]}" \
  --files "$(IFS=,; echo "${copies[*]}")" >"$T/out" 2>"$T/err"
rc=$?
[ -n "$quiet" ] || LC_ALL=C sed "${sedargs[@]}" "$T/out"
[ $rc -eq 0 ] || say "DumpLogSegments exited $rc"
while IFS= read -r l; do say "$l"; done < <(cat "$T/out" "$T/err" | LC_ALL=C sed "${sedargs[@]}" | LC_ALL=C awk -v gaps=$gaps '
  /^(baseOffset|offset): .* isvalid: false/ {print; next}
  /^baseOffset: .* magic: [3-9]/ {print; next}                       # magic is outside the CRC: a flipped magic still reads "isvalid: true"
  /^Found [0-9]+ invalid bytes at the end of/ {print; next}
  /^Found timestamp mismatch in/ {tm=$0; next}
  /^  Index timestamp: .*log timestamp: / {if (!(gaps && /log timestamp: -1$/)) {if (tm != "") print tm; tm=""; print}; next}   # -1: entry points at a batch emptied by compaction
  /^Found (timestamp mismatch|out of order timestamp) in|^Mismatches in|^The following indexed offsets/ {print; more=2; next}
  /^Snapshot is corrupt|^Exception in thread|^Error/ {print; more=2; next}
  /^Non-consecutive offsets in/ {nc=$0; next}
  /^  -?[0-9]+ is followed by / {if (!gaps && $1 != "-1") {if (nc != "") print nc; nc=""; print}; next}   # 4.x says "-1 is followed by BASE" of every segment with base > 0
  /^(baseOffset: |\| offset|offset: |timestamp: |Dumping )/ {more=0; next}
  more > 0 {print; more--}' | head -100)
exit $bad
