#!/usr/bin/env bash
# Puts OpenSearch 2.18 from the Maven repository, and a main that starts one node, into the cache once, and prints the
# directory: java -cp 'DIR/classes:DIR/lib/*' Start FOLDER PORT. Exits 77 where Maven or a Java compiler is missing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/harness/cached.sh
. "$here/../cached.sh"

cached_begin "opensearch-2.18.0.0-$(cat "$here/pom.xml" "$here/Start.java" | sha256sum | cut -c1-8)" classes OpenSearch "$@"
cached_needs mvn javac
mkdir -p out/classes
mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$PWD/out/lib"
javac -cp "out/lib/*" -d out/classes "$here/Start.java"
cached_keep out
