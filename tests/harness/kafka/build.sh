#!/usr/bin/env bash
# Puts Apache Kafka 4.1 from the Maven repository, and a client of it, into the cache once, and prints the directory. With
# java -cp 'DIR/classes:DIR/lib/*': kafka.tools.StorageTool and kafka.Kafka are the broker, Topic (Topic.java) is the client.
# Exits 77 where Maven or a Java compiler is missing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/harness/cached.sh
. "$here/../cached.sh"

cached_begin "kafka-4.1.1-$(cat "$here/pom.xml" "$here/Topic.java" | sha256sum | cut -c1-8)" classes Kafka "$@"
cached_needs mvn javac
mkdir -p out/classes
mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$PWD/out/lib"
javac -cp "out/lib/*" -d out/classes "$here/Topic.java"
cached_keep out
