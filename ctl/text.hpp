// Text for terminals: nothing that a path or an argument holds may move the cursor, change the colour or hide a name.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "include/util/clock.hpp"

namespace plumbline::ctl {

/// Any bytes as printable text on one line: control characters (C0, DEL, C1), characters that reorder or hide text
/// (bidirectional controls, zero-width ones, line separators) and bytes outside UTF-8 become \n, \t, \xNN or \u{NNNN}.
std::string printable(std::string_view bytes);

/// Terminal columns of printable text: 0 for combining characters, 2 for wide ones.
std::size_t columns(std::string_view text);

/// At most `width` columns; "…" ends what was cut. 0 = uncut.
std::string cut(std::string_view text, std::size_t width);
/// The same, but "…" stands in the middle, so that beginning and end stay.
std::string cut_middle(std::string_view text, std::size_t width);

/// "3 s ago", "5 m ago", "2 h ago", "4 d ago"; "now" for less than a second and for clocks that disagree; "-" for 0.
std::string age(WallNs now, WallNs at);

/// As one word for a POSIX shell; $'…' where it holds control characters or bytes outside UTF-8 (bash, zsh, ksh).
std::string shell_quote(std::string_view bytes);

/// "0 files", "1 file", "2 files".
std::string counted(std::size_t count, std::string_view singular);

}  // namespace plumbline::ctl
