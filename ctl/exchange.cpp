#include "ctl/exchange.hpp"

#include <string.h>

#include <nlohmann/json.hpp>

#include "baseline/source/base64.hpp"
#include "ctl/text.hpp"
#include "include/util/nearest.hpp"

namespace plumbline::ctl {

using Json = nlohmann::json;

/// Fills one Exchange; keeps the first complaint.
class ExchangeReader {
 public:
  explicit ExchangeReader(Exchange& exchange) : exchange_(exchange) {}

  bool read(const Json& line) {
    if (!is_object(line, "")) return false;
    for (const auto& [key, value] : line.items()) {
      const std::string at = "/" + key;
      if (key == "method")
        text(value, at, exchange_.method_);
      else if (key == "host")
        text(value, at, exchange_.host_);
      else if (key == "path")
        text(value, at, exchange_.path_);
      else if (key == "scheme")
        text(value, at, unused_);
      else if (key == "headers")
        headers(value, at, exchange_.asked_);
      else if (key == "body_b64")
        body(value, at, exchange_.asked_);
      else if (key == "response")
        response(value, at);
      else
        unknown(key, at, {"method", "scheme", "host", "path", "headers", "body_b64", "response"});
    }
    for (const char* key : {"method", "path"})
      if (!line.contains(key)) complain(std::string("/") + key, "is missing");
    if (exchange_.host_.empty() && !has_host()) complain("/host", "is missing, and no header says it");
    return why_.empty();
  }
  const std::string& why() const { return why_; }

 private:
  void complain(const std::string& at, const std::string& what) {
    if (why_.empty()) why_ = (at.empty() ? std::string("the line") : printable(at)) + " " + what;
  }
  bool is_object(const Json& value, const std::string& at) {
    if (!value.is_object()) complain(at, "must be an object");
    return value.is_object();
  }
  void unknown(const std::string& key, const std::string& at, const std::vector<std::string>& known) {
    const std::string near(nearest(key, known));
    complain(at, "is no key of a request" + (near.empty() ? "" : "; did you mean " + near + "?"));
  }
  void text(const Json& value, const std::string& at, std::string& out) {
    if (!value.is_string()) return complain(at, "must be a string");
    out = value.get<std::string>();
  }
  void headers(const Json& value, const std::string& at, Exchange::Side& side) {
    if (!value.is_array()) return complain(at, "must be a list of [name, value]");
    std::size_t i = 0;
    for (const auto& field : value) {
      if (!field.is_array() || field.size() != 2 || !field[0].is_string() || !field[1].is_string())
        return complain(at + "/" + std::to_string(i), "must be [name, value], two strings");
      side.headers.emplace_back(field[0].get<std::string>(), field[1].get<std::string>());
      ++i;
    }
  }
  void body(const Json& value, const std::string& at, Exchange::Side& side) {
    if (value.is_null()) return;
    std::string encoded;
    text(value, at, encoded);
    auto decoded = baseline::decode_base64(encoded, baseline::Base64::strict);
    if (!decoded) return complain(at, "is no base64 (RFC 4648, with padding)");
    side.body = std::move(*decoded);
  }
  void response(const Json& value, const std::string& at) {
    if (value.is_null() || !is_object(value, at)) return;
    for (const auto& [key, member] : value.items()) {
      const std::string inner = at + "/" + key;
      if (key == "headers")
        headers(member, inner, exchange_.answered_);
      else if (key == "body_b64")
        body(member, inner, exchange_.answered_);
      else if (key != "status")
        unknown(key, inner, {"status", "headers", "body_b64"});
      else if (!member.is_number_integer() || member < 100 || member > 999)
        complain(inner, "must be a number from 100 to 999");
      else
        exchange_.status_ = member.get<int>();
    }
    if (!value.contains("status")) complain(at + "/status", "is missing");
  }
  bool has_host() const {
    for (const auto& [name, value] : exchange_.asked_.headers)
      if (cloud::equal_ignoring_case(name, "host") || name == ":authority") return true;
    return false;
  }

  Exchange& exchange_;
  std::string why_, unused_;
};

namespace {

std::vector<cloud::HeaderField> views_of(const std::vector<std::pair<std::string, std::string>>& headers) {
  std::vector<cloud::HeaderField> views;
  views.reserve(headers.size());
  for (const auto& [name, value] : headers) views.push_back({name, value});
  return views;
}

}  // namespace

Result<Exchange> Exchange::parse(std::string_view line) {
  const auto refused = [](std::string why) {
    return invalid("request", std::move(why), "one JSON object a line; plumb decode --help says which");
  };
  Json json;
  try {
    json = Json::parse(line);
  } catch (const Json::parse_error& error) {
    return refused("is no JSON: byte " + std::to_string(error.byte));
  } catch (const Json::out_of_range&) {
    return refused("has a number that is too large");  // 1e400: the grammar allows it, a double does not
  }
  Exchange exchange;
  ExchangeReader reader(exchange);
  if (!reader.read(json)) return refused(reader.why());
  exchange.asked_.views = views_of(exchange.asked_.headers);
  exchange.answered_.views = views_of(exchange.answered_.headers);
  return exchange;
}

Exchange::~Exchange() {
  for (auto* side : {&asked_, &answered_}) ::explicit_bzero(side->body.data(), side->body.size());
}

cloud::Request Exchange::request() const {
  return {{method_, host_, path_, asked_.views}, asked_.body, false};
}

cloud::Response Exchange::response() const {
  return {status_, answered_.views, answered_.body, false};
}

}  // namespace plumbline::ctl
