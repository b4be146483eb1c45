#include "agent/decode/http2_block.hpp"

#include <algorithm>

namespace plumbline::agent {
namespace {

constexpr std::size_t field_overhead = 32;  // RFC 9113, section 6.5.2, SETTINGS_MAX_HEADER_LIST_SIZE

bool is_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return c > 0x20 && c < 0x7F && c != ':' && (c < 'A' || c > 'Z');  // section 8.2.1
  });
}

bool is_value(std::string_view value) {
  constexpr std::string_view forbidden("\0\r\n", 3);
  return value.find_first_of(forbidden) == std::string_view::npos;
}

/// Collects the fields of one block.
class Collector {
 public:
  Collector(Http2Fields& to, Direction direction, std::size_t limit) : to_(to), direction_(direction), limit_(limit) {}

  void operator()(const HpackField& field) {
    if (!field.name || !field.value) {
      to_.message.unknown_headers = true;
      return;
    }
    size_ += field.name->size() + field.value->size() + field_overhead;
    if (size_ > limit_) {
      to_.message.unknown_headers = true;
      return;
    }
    if (!is_value(*field.value)) return malformed();
    if (field.name->starts_with(':')) return pseudo(*field.name, *field.value);
    if (!is_name(*field.name)) return malformed();
    is_past_pseudo_ = true;
    if (*field.name == "host" && !has_authority_ && direction_ == Direction::out) to_.message.host.assign(*field.value);
    to_.message.add_header(*field.name, *field.value);
  }

 private:
  void malformed() { to_.is_malformed = true; }

  void once(std::string& to, std::string_view value, bool& is_set) {
    if (std::exchange(is_set, true)) return malformed();
    to.assign(value);
  }

  void pseudo(std::string_view name, std::string_view value) {
    to_.has_pseudo = true;
    if (is_past_pseudo_) return malformed();
    auto& message = to_.message;
    if (direction_ == Direction::in) {
      if (name != ":status" || std::exchange(has_status_, true) || value.size() != 3 || value[0] == '0')
        return malformed();
      for (const char c : value) {
        if (c < '0' || c > '9') return malformed();
        message.status = message.status * 10 + (c - '0');
      }
      return;
    }
    if (name == ":method") return once(message.method, value, has_method_);
    if (name == ":path") return once(message.target, value, has_path_);
    if (name == ":authority") return once(message.host, value, has_authority_);
    // :scheme and :protocol (RFC 8441) say nothing that a consumer asks for.
    if (name != ":scheme" && name != ":protocol") malformed();
  }

  Http2Fields& to_;
  Direction direction_;
  std::size_t limit_;
  std::size_t size_ = 0;
  bool is_past_pseudo_ = false;
  bool has_method_ = false, has_path_ = false, has_authority_ = false, has_status_ = false;
};

}  // namespace

Http2Fields read_http2_block(Hpack& hpack, std::string_view block, Direction direction, std::size_t limit) {
  Http2Fields fields;
  Collector collect(fields, direction, limit);
  fields.is_readable = hpack.decode(block, [&](const HpackField& field) { collect(field); });
  return fields;
}

}  // namespace plumbline::agent
