// What an answer of DNS says: which addresses a name has.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plumbline::agent {

/// IPv4 as ::ffff:a.b.c.d.
using IpAddress = std::array<std::uint8_t, 16>;

struct DnsAnswer {
  std::string name;                  ///< what was asked for, in lower case, without the last dot
  std::vector<IpAddress> addresses;  ///< at most 64
  std::uint32_t ttl = 0;             ///< seconds; the shortest on the way to them
};

/// Of a message (RFC 1035, section 4), which may be cut behind any record: the addresses of the name that its one
/// question is about, by way of its aliases (CNAME). nullopt where it is no answer without error, has no address of
/// that name, is broken, or the name is none of a host's.
std::optional<DnsAnswer> dns_answer(std::string_view bytes);

}  // namespace plumbline::agent
