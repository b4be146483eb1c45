#pragma once

#include <arpa/inet.h>

#include <string>

namespace plumbline {

/// "localhost", "::1" and 127.0.0.0/8: what cannot leave this machine. `host` without brackets. By value, not by its
/// first letters: 127.example.org may be anywhere.
inline bool is_loopback(const std::string& host) {
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  return host == "localhost" || host == "::1";
}

}  // namespace plumbline
