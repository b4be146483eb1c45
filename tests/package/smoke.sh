#!/bin/sh
# Installs Plumbline on this machine, sees it work, and takes it away again: as root, on any machine that systemd runs.
#
#   smoke.sh deb|tarball      by Debian's packages, or by the tarball
#
# bundle.sh makes the folder that it lies in. Prints one line a test, as tests/vm/guest/lib.sh does; ends with 1 where one failed.
bundle=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/package/steps.sh
. "$bundle/steps.sh"

install_and_look "$1"
as_managed
check "$1.sees_the_end" "drift stays" until_true $patience no_drift
remove_and_look "$1"
exit "$failed"
