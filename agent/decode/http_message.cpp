#include "agent/decode/http_message.hpp"

#include "agent/decode/wipe.hpp"

namespace plumbline::agent {

HttpMessage::HttpMessage(HttpMessage&& other) noexcept {
  take(other);
}

HttpMessage& HttpMessage::operator=(HttpMessage&& other) noexcept {
  if (this != &other) {
    wipe_all();
    take(other);
  }
  return *this;
}

void HttpMessage::take(HttpMessage& other) noexcept {
  method = std::move(other.method);
  target = std::move(other.target);
  host = std::move(other.host);
  headers = std::move(other.headers);
  body = std::move(other.body);
  status = other.status;
  body_bytes = other.body_bytes;
  body_cut = other.body_cut;
  unknown_headers = other.unknown_headers;
  other.wipe_all();
}

void HttpMessage::wipe_all() noexcept {
  wipe(method);
  wipe(target);
  wipe(host);
  wipe(body);
  for (auto& [name, value] : headers) wipe(value);
  headers.clear();
}

void HttpMessage::add_header(std::string_view name, std::string_view value) {
  if (headers.size() == headers.capacity()) {
    // By hand: a vector that grows by itself leaves short values behind in its old room.
    std::vector<HttpHeader> larger;
    larger.reserve(std::max<std::size_t>(16, 2 * headers.capacity()));
    for (auto& [key, text] : headers) {
      auto& moved = larger.emplace_back();
      moved.first.swap(key);
      moved.second.swap(text);
      wipe(text);  // a short one is still there
    }
    headers.swap(larger);
  }
  auto& header = headers.emplace_back(std::string(name), std::string());
  for (char& c : header.first)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  header.second.assign(value);
}

std::string_view HttpMessage::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return {};
}

}  // namespace plumbline::agent
