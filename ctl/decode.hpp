// `plumb decode`: HTTP exchanges from a file or pipe → cloud operations, without a kernel, an agent or a network.
#pragma once

#include <iosfwd>
#include <string>

#include "ctl/context.hpp"

namespace plumbline::ctl {

struct DecodeOptions {
  std::string file;  ///< "" or "-" = standard input
};

/// One request a line in (NDJSON), one line out for each. A line that cannot be read is told with its number on the
/// error stream, the rest goes on; 1 at the end where there was one.
int decode(const Context& context, const DecodeOptions& options);

/// As above, from `in`; `name` is what errors call it.
int decode_lines(const Context& context, std::istream& in, const std::string& name);

}  // namespace plumbline::ctl
