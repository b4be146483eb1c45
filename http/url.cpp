#include "http/url.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "include/util/loopback.hpp"

namespace plumbline::http {
namespace {

constexpr const char* shape = "write https://host:port";

bool is_port(const std::string& text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port != 0;
}

}  // namespace

Result<Url> parse_url(const std::string& what, const std::string& url) {
  Url out;
  out.tls = url.starts_with("https://");
  if (!out.tls && !url.starts_with("http://"))
    return invalid(what, "it begins neither with http:// nor with https://", shape);
  if (std::any_of(url.begin(), url.end(), [](unsigned char c) { return c <= ' ' || c >= 0x7f; }))
    return invalid(what, "it holds a space, a control character or a byte that is not ASCII", "percent-encode it");
  const std::size_t begin = url.find("://") + 3;
  const std::size_t path = std::min(url.find_first_of("/?#", begin), url.size());
  out.origin = url.substr(0, path);
  out.target = url.substr(path, url.find('#', path) - path);
  if (!out.target.starts_with('/')) out.target.insert(0, "/");

  const std::string authority = url.substr(begin, path - begin);
  if (authority.find('@') != std::string::npos)
    return invalid(what, "it holds a user or password before '@'", "keep secrets in files, and name those");
  const bool v6 = authority.starts_with('[');
  const std::size_t end = v6 ? authority.find(']') : authority.find(':');
  out.host = authority.substr(v6 ? 1 : 0, end - (v6 ? 1 : 0));
  if (out.host.empty() || (v6 && end == std::string::npos)) return invalid(what, "it has no host", shape);
  const std::string rest = end == std::string::npos ? "" : authority.substr(end + (v6 ? 1 : 0));
  out.port = rest.empty() ? (out.tls ? "443" : "80") : rest.substr(1);
  if (!rest.empty() && (rest[0] != ':' || !is_port(out.port)))
    return invalid(what, "what follows its host is no port", "write https://host:port, the port from 1 to 65535");
  return out;
}

bool is_private(const Url& url) {
  return url.tls || is_loopback(url.host);
}

}  // namespace plumbline::http
