# shellcheck shell=bash
# Sourced by the other scripts: where Kafka's jars lie, and how they get there.
#   ORACLE         folder for jars and scratch (default target/oracle of the project)
#   KAFKA_VERSION  release (default 4.3.0)
ORACLE=${ORACLE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/target/oracle}
KAFKA_VERSION=${KAFKA_VERSION:-4.3.0}
# fetch_jars POM VERSION DIR MARK: DIR holds the jars of POM afterwards, one of them MARK-*.jar.
# Several runs may ask at a time: one fetches under a lock, and DIR appears whole or not at all.
fetch_jars() {
  local pom=$1 version=$2 dir=$3 mark=$4 part
  ls "$dir/$mark"-*.jar >/dev/null 2>&1 && return 0
  mkdir -p "$(dirname "$dir")" || return 1
  (
    flock 9 || exit 1
    ls "$dir/$mark"-*.jar >/dev/null 2>&1 && exit 0
    command -v mvn >/dev/null || { echo "Kafka's jars are missing and there is no mvn to fetch them: apt-get install -y maven" >&2; exit 1; }
    part=$dir.part; rm -rf "$part"
    mvn -q -B -f "$pom" -Dkafka.version="$version" -Dlibs="$part" dependency:copy-dependencies >&2 || exit 1
    rm -rf "$dir" && mv "$part" "$dir"
  ) 9>"$dir.lock"
}
