#include "agent/plain_endpoints.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <memory>

#include "http/url.hpp"
#include "include/util/thread.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t most_addresses = 16;  // of one name
constexpr std::chrono::seconds again{60};
constexpr std::array<std::uint8_t, 12> ipv4_in_ipv6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool is_ipv4(const plain_endpoint& endpoint) {
  return std::memcmp(endpoint.address, ipv4_in_ipv6.data(), ipv4_in_ipv6.size()) == 0;
}

bool is_same(const plain_endpoint& a, const plain_endpoint& b) {
  return a.port == b.port && std::memcmp(a.address, b.address, sizeof a.address) == 0;
}

std::optional<plain_endpoint> endpoint_of(const addrinfo& info, std::uint16_t port) {
  plain_endpoint endpoint{};
  endpoint.port = port;
  if (info.ai_family == AF_INET) {
    std::memcpy(endpoint.address, ipv4_in_ipv6.data(), ipv4_in_ipv6.size());
    std::memcpy(endpoint.address + ipv4_in_ipv6.size(), &reinterpret_cast<const sockaddr_in*>(info.ai_addr)->sin_addr,
                4);
  } else if (info.ai_family == AF_INET6) {
    std::memcpy(endpoint.address, &reinterpret_cast<const sockaddr_in6*>(info.ai_addr)->sin6_addr, 16);
  } else {
    return std::nullopt;
  }
  return endpoint;
}

}  // namespace

std::string text_of(const plain_endpoint& endpoint) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v4 = is_ipv4(endpoint);
  ::inet_ntop(v4 ? AF_INET : AF_INET6, endpoint.address + (v4 ? ipv4_in_ipv6.size() : 0), text.data(), text.size());
  const std::string address = text.data();
  return (v4 ? address : "[" + address + "]") + ":" + std::to_string(endpoint.port);
}

Result<std::vector<plain_endpoint>> resolve_endpoint(const std::string& url, bool numeric) {
  const auto parsed = http::parse_url("listen to an endpoint of calls.plain_http", url);
  if (!parsed) return parsed.error();
  std::uint16_t port = 0;
  std::from_chars(parsed->port.data(), parsed->port.data() + parsed->port.size(), port);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = numeric ? AI_NUMERICHOST : 0;
  addrinfo* first = nullptr;
  const int error = ::getaddrinfo(parsed->host.c_str(), nullptr, &hints, &first);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(first, &::freeaddrinfo);
  std::vector<plain_endpoint> found;
  for (const auto* one = error == 0 ? all.get() : nullptr; one != nullptr; one = one->ai_next)
    if (const auto endpoint = endpoint_of(*one, port); endpoint && found.size() < most_addresses)
      found.push_back(*endpoint);
  if (!found.empty()) return found;
  return Error{ErrorCode::unavailable, "look up " + parsed->host + " of calls.plain_http",
               error != 0 ? ::gai_strerror(error) : "it has no address",
               "mend the name in agent.yaml, or the resolver; it is asked again every minute"};
}

PlainEndpoints::PlainEndpoints(Changed changed, Resolve resolve)
    : changed_(std::move(changed)), resolve_(std::move(resolve)) {}

PlainEndpoints::~PlainEndpoints() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void PlainEndpoints::set(const std::vector<std::string>& urls) {
  std::vector<Row> rows;
  std::vector<std::string> names;
  for (const auto& url : urls) {
    Row& row = rows.emplace_back(Row{url, {}, {}});
    if (auto numeric = resolve_(url, true)) {
      row.addresses = std::move(*numeric);
      continue;
    }
    row.why = "its name is being looked up";
    names.push_back(url);
  }
  const std::lock_guard lock(mutex_);
  for (auto& row : rows)  // what is known of a name stays until more is
    for (auto& before : rows_)
      if (row.addresses.empty() && before.url == row.url) row = before;
  rows_ = std::move(rows);
  names_ = std::move(names);
  has_more_ = true;
  tell();
  wake_.notify_all();
  if (!names_.empty() && !thread_.joinable()) thread_ = start_thread("plumb-names", [this] { look_up(); });
}

std::vector<PlainEndpoints::Row> PlainEndpoints::rows() const {
  const std::lock_guard lock(mutex_);
  return rows_;
}

void PlainEndpoints::look_up() {
  std::unique_lock lock(mutex_);
  while (!stops_) {
    has_more_ = false;
    const auto names = names_;
    for (const auto& name : names) {
      lock.unlock();
      auto found = resolve_(name, false);
      lock.lock();
      if (stops_ || has_more_) break;
      keep(name, std::move(found));
    }
    if (!has_more_) wake_.wait_for(lock, again, [this] { return stops_ || has_more_; });
  }
}

void PlainEndpoints::keep(const std::string& url, Result<std::vector<plain_endpoint>> found) {
  bool is_other = false;
  for (auto& row : rows_) {
    if (row.url != url) continue;
    row.why = found ? "" : found.error().message();
    if (!found) continue;
    is_other =
        is_other || !std::equal(row.addresses.begin(), row.addresses.end(), found->begin(), found->end(), is_same);
    row.addresses = *found;
  }
  if (is_other) tell();
}

void PlainEndpoints::tell() const {
  std::vector<plain_endpoint> all;
  for (const auto& row : rows_) all.insert(all.end(), row.addresses.begin(), row.addresses.end());
  changed_(all);
}

}  // namespace plumbline::agent
