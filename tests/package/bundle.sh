#!/usr/bin/env bash
# Puts into a folder what a machine needs to install Plumbline as a user does: packages, the commands of the pages, and who types them.
#
#   bundle.sh FOLDER      FOLDER is made anew; smoke.sh in it is what to run
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
folder=$1
compgen -G "$top/build/packages/*.deb" >/dev/null || {
  echo "no packages; run ./dev package" >&2
  exit 77
}
rm -rf "$folder"
mkdir -p "$folder/pages"
cp "$top/build/packages"/* "$top/tests/vm/guest/lib.sh" "$here"/{steps,smoke}.sh "$folder/"

page() { # NAME PAGE HEADING [NUMBER]: a block of commands
  "$top/tests/docs/pages.py" "$2" "$3" sh "${4:-0}" >"$folder/pages/$1"
}
page deb-install docs/install.md Debian
page reload docs/install.md Debian 1
page deb-check docs/upgrade.md Debian
page deb-upgrade docs/upgrade.md Debian 1
page deb-removal docs/removal.md Debian
page deb-purge docs/removal.md Debian 1
page tarball-install docs/install.md "Any other distribution"
page tarball-upgrade docs/upgrade.md Tarball
page tarball-removal docs/removal.md Tarball
page by-hand docs/removal.md "By hand"
page agent-down docs/runbooks/PlumblineAgentDown.md Look
page collector-down docs/runbooks/PlumblineCollectorDown.md Look
page records-lost docs/runbooks/PlumblineRecordsLost.md Look 1
