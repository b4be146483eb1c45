// Many records in one message for people, as chat sinks send them. Pure.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "collector/store/store.hpp"

namespace plumbline::collector {

/// How a chat writes what stands out.
struct Markup {
  std::function<std::string(const std::string&)> escape;  ///< of text that is somebody else's
  std::string strong_begin, strong_end;
  std::string code_begin, code_end;
};

struct MessageDigest {
  std::string title;               ///< "Plumbline: 30 records"
  std::vector<std::string> lines;  ///< worst first
  std::size_t more = 0;            ///< lines that did not fit
};

/// At most `max_lines` lines of about `max_line_bytes`; records of one drift are one line, its latest, and
/// the same change (resource, state, verdict, live values, who) on many nodes is one line.
MessageDigest digest_of(std::span<const LedgerRecord> records, const Markup& markup, std::size_t max_lines,
                        std::size_t max_line_bytes);

}  // namespace plumbline::collector
