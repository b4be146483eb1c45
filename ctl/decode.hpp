// `plumb decode`: HTTP exchanges from a file or pipe → cloud operations, without a kernel, an agent or a network.
#pragma once

#include <iosfwd>
#include <string>

#include "ctl/context.hpp"

namespace plumbline::ctl {

struct DecodeOptions {
  std::string file;  ///< "" or "-" = standard input
};

/// What a line of it holds, for --help.
inline constexpr const char* decode_format =
    R"(A line is one exchange, a JSON object:
  method, host, path   texts; path with its query. host may be a header instead; scheme may be there
  headers              [[name, value], ...], in their order
  body_b64             the body in base64
  response             {"status": 200, "headers": [...], "body_b64": "..."}, where there is one
Only method and path must be there, and a host. An example:
  {"method":"POST","host":"ec2.eu-west-1.amazonaws.com","path":"/","headers":[["Content-Type",
  "application/x-www-form-urlencoded"]],"body_b64":"QWN0aW9uPVN0b3BJbnN0YW5jZXMmSW5zdGFuY2VJZC4xPWktMQ=="}
A line of the answer is the operation that it is: provider, service, operation, level, resources with ids, IaC types and
attributes; or "unmapped": true and why. Secrets are left out.)";

/// One request a line in (NDJSON), one line out for each. A line that cannot be read is told with its number on the
/// error stream, the first twenty of them, the rest goes on; 1 at the end where there was one. What begins as a request
/// over the wire is refused as a whole; that there is none at all is said.
int decode(const Context& context, const DecodeOptions& options);

/// As above, from `in`; `name` is what errors call it.
int decode_lines(const Context& context, std::istream& in, const std::string& name);

}  // namespace plumbline::ctl
