#include "cloud/aws/signature.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace plumbline::cloud::aws {
namespace {

/// Cuts the part before "/" or "%2F" off.
std::string_view next_part(std::string_view& scope) {
  std::size_t i = 0;
  for (;; ++i) {
    while (i < scope.size() && scope[i] != '/' && scope[i] != '%') ++i;
    if (i >= scope.size() || scope[i] == '/') break;
    if (i + 2 < scope.size() && scope[i + 1] == '2' && (scope[i + 2] | 32) == 'f') break;
  }
  const auto part = scope.substr(0, i);
  scope.remove_prefix(std::min(i + (i < scope.size() && scope[i] == '%' ? 3 : 1), scope.size()));
  return part;
}

/// "AKID/20261123/eu-west-1/s3/aws4_request"; without the region in SigV4A. Ids of some stores have slashes: parts are
/// counted from the end.
Signature of_scope(std::string_view scope) {
  std::array<std::string_view, 8> parts;
  std::size_t count = 0;
  while (!scope.empty() && count < parts.size()) parts[count++] = next_part(scope);
  if (count < 4 || parts[count - 1] != "aws4_request") return {};
  const bool has_region = count >= 5;
  return {parts[0], has_region ? parts[count - 3] : std::string_view(), parts[count - 2], true};
}

/// The value behind "Credential=" or the like, up to a comma, a blank or the end.
std::string_view value_behind(std::string_view text, std::string_view name) {
  const auto at = text.find(name);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + name.size());
  std::size_t end = 0;  // not find_first_of(), which calls memchr() for each byte
  while (end < text.size() && text[end] != ',' && text[end] != ' ') ++end;
  return text.substr(0, end);
}

std::string_view first_region(std::string_view set) {
  const auto region = set.substr(0, set.find_first_of(", %"));
  return region.find('*') == std::string_view::npos ? region : std::string_view();
}

bool could_be_key(std::string_view id) {
  if (id.size() < 4 || id.size() > 128) return false;
  for (const char c : id)
    if (c <= ' ' || c == 0x7F || static_cast<unsigned char>(c) >= 0x80) return false;
  return true;
}

}  // namespace

Signature signature_of(std::string_view authorization, std::string_view region_set, std::string_view query) {
  Signature found;
  if (authorization.starts_with("AWS4-")) {
    found = of_scope(value_behind(authorization, "Credential="));
  } else if (authorization.starts_with("AWS ")) {  // SigV2 of S3: "AWS KEY:SIGNATURE"
    const auto colon = authorization.find(':');
    if (colon != std::string_view::npos) found = {authorization.substr(4, colon - 4), {}, {}, true};
  } else if (authorization.starts_with("AWS3")) {
    found = {value_behind(authorization, "AWSAccessKeyId="), {}, {}, true};
  } else if (authorization.empty() && !query.empty()) {
    QueryWalk walk(query);
    for (QueryPair pair; walk.next(pair);) {
      if (equal_ignoring_case(pair.key, "X-Amz-Credential")) found = of_scope(pair.value);
      if (pair.key == "AWSAccessKeyId") found = {pair.value, {}, {}, true};
      if (equal_ignoring_case(pair.key, "X-Amz-Region-Set")) region_set = pair.value;
    }
  }
  if (found.present && found.region.empty()) found.region = first_region(region_set);
  if (!could_be_key(found.access_key_id)) found.access_key_id = {};
  return found;
}

std::string account_of(std::string_view id) {
  if (id.size() != 20 || !(id.starts_with("AKIA") || id.starts_with("ASIA"))) return {};
  if (id[4] == 'I' || id[4] == 'J') return {};  // older ones, without an account in them
  std::uint64_t bits = 0;
  for (std::size_t i = 4; i < 14; ++i) {  // 10 digits of base32 (RFC 4648): 50 bits, of which the first 48 count
    const char c = id[i];
    int digit = -1;
    if (c >= 'A' && c <= 'Z') digit = c - 'A';
    if (c >= '2' && c <= '7') digit = c - '2' + 26;
    if (digit < 0) return {};
    bits = bits << 5 | static_cast<unsigned>(digit);
  }
  const std::uint64_t account = (bits >> 2 & 0x7FFFFFFFFF80) >> 7;
  if (account > 999'999'999'999) return {};
  std::array<char, 16> text;
  std::snprintf(text.data(), text.size(), "%012llu", static_cast<unsigned long long>(account));
  return text.data();
}

}  // namespace plumbline::cloud::aws
