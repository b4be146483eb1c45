#pragma once

#include "cloud/route.hpp"
#include "cloud/table/layout.hpp"

namespace plumbline::cloud::aws {

struct RestRequest {
  table::Method method;
  std::string_view bucket;  ///< in front of the path, in S3's own hosts; "" = none
  std::string_view path, query;
  bool is_s3 = false;  ///< its query has keys without values that name parts
  std::span<const HeaderField> headers;
  bool own_host = false;       ///< the host is the service's own, not one that it shares
  bool known_host = false;     ///< as against a custom one, which has no prefixes
  std::string_view host;       ///< whole
  std::string_view host_left;  ///< its labels before the service's own part
};

/// The best operation of a service for a request, and what its labels stand for.
struct RestMatch {
  std::uint32_t operation = table::no_row;
  int score = -1;  ///< comparable between services
  std::array<Label, 12> labels;
  std::uint8_t label_count = 0;
};

/// Goes down the service's tree of segments. A literal segment counts more than a label, one label more than {Key+};
/// among operations that end at one place those whose fixed query, required keys and host prefix are there, the most of
/// them.
void match_rest(std::uint32_t service, const RestRequest& request, RestMatch& best);

table::Method method_of(std::string_view word);

}  // namespace plumbline::cloud::aws
