#include "agent/decode/http1_head.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <limits>

#include "agent/decode/wipe.hpp"

namespace plumbline::agent {
namespace {

namespace beast = boost::beast;
using Kind = BodyFraming::Kind;

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same(std::string_view a, std::string_view lower_case) {
  if (a.size() != lower_case.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower_case[i]) return false;
  return true;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Calls with each element of a list (RFC 9110, section 5.6.1); transfer codings and upgrades have no quoted commas.
template <class Visit>
void each_element(std::string_view list, Visit visit) {
  for (;;) {
    const auto comma = list.find(',');
    if (const auto element = trimmed(list.substr(0, comma)); !element.empty()) visit(element);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

struct Collected {
  Http1Head head;
  int version = 0;  // 10 or 11
  std::size_t hosts = 0, codings = 0, chunked = 0;
  bool is_chunked_last = false;
};

void collect(Collected& to, std::string_view name, std::string_view value) {
  to.head.message.add_header(name, value);
  if (same(name, "host")) {
    ++to.hosts;
    to.head.message.host.assign(value);
  } else if (same(name, "transfer-encoding")) {
    each_element(value, [&](std::string_view coding) {
      ++to.codings;
      to.is_chunked_last = same(coding, "chunked");
      to.chunked += to.is_chunked_last;
    });
  } else if (same(name, "expect")) {
    to.head.expects_continue = same(value, "100-continue");
  } else if (same(name, "upgrade")) {
    each_element(value, [&](std::string_view protocol) { to.head.upgrades_to_h2c |= same(protocol, "h2c"); });
  }
}

/// Takes names and values where they lie: the parser itself keeps none of them.
template <bool is_request>
class HeadParser final : public beast::http::basic_parser<is_request> {
 public:
  explicit HeadParser(Collected& to) : to_(to) {}

 private:
  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target, int version,
                       beast::error_code& ec) override {
    ec = {};
    to_.version = version;
    to_.head.message.method.assign(view(method));
    to_.head.message.target.assign(view(target));
  }
  void on_response_impl(int status, beast::string_view, int version, beast::error_code& ec) override {
    ec = {};
    to_.version = version;
    to_.head.message.status = status;
  }
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     beast::error_code& ec) override {
    ec = {};
    collect(to_, view(name), view(value));
  }
  void on_header_impl(beast::error_code& ec) override { ec = {}; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code& ec) override { ec = {}; }
  std::size_t on_body_impl(beast::string_view, beast::error_code& ec) override {
    ec = {};
    return 0;
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code& ec) override { ec = {}; }
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, beast::error_code& ec) override {
    ec = {};
    return 0;
  }
  void on_finish_impl(beast::error_code& ec) override { ec = {}; }

  Collected& to_;
};

/// The length of the body where one is told; -1 is no length, so none.
struct Parsed {
  bool is_good = false;
  std::optional<std::uint64_t> length;
};

template <bool is_request>
Parsed run_parser(std::string_view head, std::size_t limit, Collected& to) {
  HeadParser<is_request> parser(to);
  parser.header_limit(
      static_cast<std::uint32_t>(std::min<std::size_t>(limit, std::numeric_limits<std::uint32_t>::max())));
  parser.body_limit(boost::none);
  parser.skip(true);
  beast::error_code ec;
  const std::size_t used = parser.put(boost::asio::const_buffer(head.data(), head.size()), ec);
  if (ec || used != head.size() || !parser.is_header_done()) return {};
  const auto length = parser.content_length();
  return {true, length ? std::optional<std::uint64_t>(*length) : std::nullopt};
}

/// RFC 9112, section 3.2.2: an absolute target names the host, whatever Host says.
void take_host_of_target(HttpMessage& message) {
  const std::string_view target = message.target;
  if (target.empty() || target.front() == '/') return;
  const auto scheme = target.find("://");
  if (scheme == std::string_view::npos || target.substr(0, scheme).find_first_of("/?#") != std::string_view::npos)
    return;
  const auto rest = target.substr(scheme + 3);
  message.host.assign(rest.substr(0, rest.find_first_of("/?#")));
}

bool is_token_char(char c) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         marks.find(c) != std::string_view::npos;
}

/// None of them ends another: what is left of one that was cut is none.
bool is_common_method(std::string_view method) {
  for (const std::string_view common : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})
    if (method == common) return true;
  return false;
}

constexpr std::string_view version_1 = "HTTP/1.";
constexpr std::size_t longest_method = 32;
constexpr std::size_t most_guessed = 256;  // lines

}  // namespace

std::optional<Http1Head> parse_http1_head(std::string_view head, Direction direction, std::size_t limit) {
  // Beast unfolds folded lines; RFC 9112, section 5.2 lets a server refuse them, and no client of today's writes any.
  if (head.find("\r\n ") != std::string_view::npos || head.find("\r\n\t") != std::string_view::npos)
    return std::nullopt;
  const bool is_request = direction == Direction::out;
  Collected to;
  const auto parsed = is_request ? run_parser<true>(head, limit, to) : run_parser<false>(head, limit, to);
  if (!parsed.is_good) return std::nullopt;
  // Section 6.1: a message with both may have been made to be read in two ways; so may one of HTTP/1.0.
  if (to.codings > 0 && (parsed.length || to.version < 11)) return std::nullopt;
  if (to.chunked > 1 || (to.chunked == 1 && !to.is_chunked_last)) return std::nullopt;
  if (is_request && (to.hosts > 1 || (to.hosts == 0 && to.version >= 11))) return std::nullopt;
  if (is_request && to.codings > 0 && !to.is_chunked_last) return std::nullopt;  // section 6.3, 4
  if (!is_request && (to.head.message.status < 100 || to.head.message.status > 599)) return std::nullopt;
  auto& framing = to.head.framing;
  if (to.is_chunked_last)
    framing.kind = Kind::chunked;
  else if (to.codings == 0 && parsed.length)
    framing = {*parsed.length > 0 ? Kind::length : Kind::none, *parsed.length};
  else
    framing.kind = is_request ? Kind::none : Kind::until_close;
  if (is_request) take_host_of_target(to.head.message);
  return std::move(to.head);
}

std::optional<Http1Head> guess_http1_request(std::string_view head) {
  const auto next_line = [&head] {
    const auto end = head.find('\n');
    auto line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  };
  const auto line = next_line();
  const auto blank = line.find(' '), last = line.rfind(' ');
  if (blank == std::string_view::npos || last == blank || line.substr(last + 1, version_1.size()) != version_1)
    return std::nullopt;
  const auto method = line.substr(0, blank), target = trimmed(line.substr(blank, last - blank));
  if (method.empty() || target.empty() || !std::all_of(method.begin(), method.end(), is_token_char))
    return std::nullopt;
  Collected to;
  to.head.message.method.assign(method);
  to.head.message.target.assign(target);
  to.head.framing.kind = Kind::unknown;
  std::string name, value;  // of the field that the next line may continue
  const auto take = [&] {
    if (!name.empty()) collect(to, name, value);
    wipe(value);
    name.clear();
  };
  for (std::size_t fields = 0; !head.empty() && fields < most_guessed; ++fields) {
    const auto field = next_line();
    if (field.starts_with(' ') || field.starts_with('\t')) {
      append_wiping(value, " ");
      append_wiping(value, trimmed(field));
      continue;
    }
    take();
    const auto colon = field.find(':');
    if (colon == std::string_view::npos) continue;
    name.assign(trimmed(field.substr(0, colon)));
    append_wiping(value, trimmed(field.substr(colon + 1)));
  }
  take();
  to.head.message.unknown_headers = !head.empty();
  take_host_of_target(to.head.message);
  return std::move(to.head);
}

bool may_begin_head(std::string_view bytes, Direction direction) {
  if (direction == Direction::in) {
    const auto size = std::min(bytes.size(), version_1.size());
    return bytes.substr(0, size) == version_1.substr(0, size);
  }
  for (std::size_t i = 0; i < bytes.size() && i <= longest_method; ++i) {
    if (bytes[i] == ' ') return i > 0;
    if (!is_token_char(bytes[i])) return false;
  }
  return bytes.size() <= longest_method;
}

bool begins_with_start_line(std::string_view bytes, Direction direction) {
  const auto end = bytes.find("\r\n");
  if (end == std::string_view::npos || !may_begin_head(bytes, direction)) return false;
  const auto line = bytes.substr(0, end);
  const auto blank = line.find(' ');
  if (blank == std::string_view::npos) return false;
  if (direction == Direction::in) return blank == version_1.size() + 1 && line.size() >= blank + 4;
  const auto last = line.rfind(' ');
  return is_common_method(line.substr(0, blank)) && last > blank + 1 &&
         line.size() == last + 1 + version_1.size() + 1 && line.substr(last + 1, version_1.size()) == version_1;
}

BodyFraming response_framing(const Http1Head& response, std::string_view request_method) {
  const int status = response.message.status;
  if (request_method == "HEAD" || status / 100 == 1 || status == 204 || status == 304) return {Kind::none, 0};
  return response.framing;
}

}  // namespace plumbline::agent
