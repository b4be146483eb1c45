// One HTTP exchange as views of somebody else's bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace plumbline::cloud {

class SecretPrints;
struct TokenCheck;

struct HeaderField {
  std::string_view name;  ///< in any case
  std::string_view value;
};

/// What a request says before its body.
struct Head {
  std::string_view method;
  std::string_view host;    ///< with or without port; "" = that of the Host header
  std::string_view target;  ///< path and query as on the wire
  std::span<const HeaderField> headers;
};

struct Request {
  Head head;
  std::string_view body;
  bool body_cut = false;  ///< there was more of it
  /// Secrets are kept as fingerprints under its keys; nullptr: not at all.
  const SecretPrints* prints = nullptr;
  const TokenCheck* tokens = nullptr;  ///< what proves bearer tokens; nullptr: nothing does
};

struct Response {
  int status = 0;  ///< 0 = none was seen
  std::span<const HeaderField> headers;
  std::string_view body;
  bool body_cut = false;
};

/// ASCII letters alone.
bool equal_ignoring_case(std::string_view a, std::string_view b);
/// Value of the first header of this name, "" where there is none.
std::string_view header(std::span<const HeaderField> headers, std::string_view name);

/// Decodes %XX, and + as a blank where `plus` says so; what is no escape stays.
std::string percent_decoded(std::string_view text, bool plus = false);
/// Whether `encoded` decodes to `plain`, without a copy.
bool percent_equal(std::string_view encoded, std::string_view plain);

struct QueryPair {
  std::string_view key, value;  ///< encoded
  bool has_value = false;       ///< there is a "=", whatever follows
};

/// Walks "a=1&b&c=2" without a copy: next() until false.
class QueryWalk {
 public:
  explicit QueryWalk(std::string_view query) : rest_(query) {}
  bool next(QueryPair& pair);

 private:
  std::string_view rest_;
};

/// The encoded value of a key; nothing where the query has none of it.
std::optional<std::string_view> query_value(std::string_view query, std::string_view key);

/// Whether a query has a key, and each time with one of these values. A server may take any of several.
bool says_only(std::string_view query, std::string_view key, std::initializer_list<std::string_view> values);

/// "/path" and "a=1" of a target; scheme and host of an absolute one are left out.
struct Target {
  std::string_view path, query;
};
Target split_target(std::string_view target);

/// A target whose path has no escapes of letters, digits, "-", ".", "_" and "~": a path with and without them is the
/// same (RFC 3986, 6.2.2.2), and servers route by the decoded one. Others, as %2F, stay.
std::string plain_target(std::string_view target);

}  // namespace plumbline::cloud
