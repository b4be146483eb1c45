#!/usr/bin/env bash
# Puts OpenSearch 2.18 from the Maven repository, and a main that starts one node, into the cache once, and prints the
# directory: java -cp 'DIR/classes:DIR/lib/*' Start FOLDER PORT. Exits 77 where Maven or a Java compiler is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
for tool in mvn javac; do
  command -v "$tool" >/dev/null || { echo "OpenSearch needs $tool, which is not installed" >&2; exit 77; }
done
target=${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}/opensearch-2.18.0.0-$(cat "$here/pom.xml" "$here/Start.java" | sha256sum | cut -c1-8)
mkdir -p "$(dirname "$target")"
exec 9>"$target.lock"
flock 9
if [ ! -e "$target/complete" ]; then
  rm -rf "$target"
  mkdir -p "$target/classes"
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$target/lib" >&2 ||
    { echo "OpenSearch cannot be fetched" >&2; exit 77; }
  javac -cp "$target/lib/*" -d "$target/classes" "$here/Start.java" >&2
  touch "$target/complete"
fi
echo "$target"
