// systemd: one unit file or one drop-in.
#pragma once

#include <string_view>

#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

/// A unit file (`x.service`) or a drop-in (`x.service.d/10-limits.conf`) of systemd, from wherever it is kept: a Git
/// checkout, an unpacked package, or the folder in which systemd reads it. Syntax: systemd.syntax(7), as systemd 252's
/// conf-parser.c reads it. What the file is comes from `spec.path`, since the bytes do not say:
///
/// - resource "systemd:<source>/<unit>" or "systemd:<source>/<unit>/<drop-in>", type "service", "timer.d", …; ids: unit
///   and installed path. Attributes "Service.ExecStart": a key that stands several times is a list, an empty assignment
///   takes back what stood before it. "Service.Environment.PORT": one for each variable. A drop-in also has
///   "overrides", the unit it changes, and "resets", the keys of which it takes back what the unit says. Variables with
///   a secret name or value, credentials, and commands that are given a secret keep their hash only.
/// - file: the installed path, with the digest of the whole file (keyed where anything in it is secret), whoever owns
///   it and whatever its mode. Installed is what stands below /etc, /run, /usr/lib, /usr/local/lib or /lib in
///   systemd/{system,user,…}/, also where that is the end of a longer path (an unpacked package). Anything else is
///   taken for a file that is to go to /etc/systemd/system, or /etc/systemd/user from a folder systemd/user.
///
/// A source that is itself the installed file moves along with every change of it, so that a change is seen but never
/// stays drift: a skip line says so. Lines that systemd ignores are skip lines with their number. Refused is what
/// systemd refuses (a broken section header, bytes that are not UTF-8), and what has no assignment but lines that are
/// none. Revision: `content`, a keyed hash of the bytes. Specifiers (%i) stay as they are written.
Result<void> read_systemd(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out);

}  // namespace plumbline::baseline
