#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <optional>

#include "cloud/body/value.hpp"

namespace plumbline::cloud {
namespace {

/// Major types of RFC 8949, section 3.1.
enum Major : std::uint8_t { positive, negative, bytes, text, array, map, tag, simple };

class Reader {
 public:
  explicit Reader(std::string_view body) : rest_(body) {}

  /// One value; what is missing is null, and cut() says so.
  Value value(std::size_t depth) {
    if (depth > max_depth || ++values_ > max_values) return fail();
    const auto head = next_head();
    if (!head) return fail();
    switch (head->major) {
      case positive:
        return Value::of(Value::Kind::number, std::to_string(head->argument));
      case negative:  // -1 - argument
        return Value::of(Value::Kind::number, head->argument == ~std::uint64_t{0}
                                                  ? std::string("-18446744073709551616")
                                                  : "-" + std::to_string(head->argument + 1));
      case bytes: {
        std::string unused;
        string(*head, bytes, unused, false);
        return Value::of(Value::Kind::secret);
      }
      case text: {
        Value out = Value::of(Value::Kind::text);
        string(*head, text, out.text, true);
        return out;
      }
      case array:
        return list(*head, depth);
      case map:
        return object(*head, depth);
      case tag:  // 1 = seconds since the epoch; the number says it
        return value(depth + 1);
      case simple:
        break;
    }
    return simple_value(*head);
  }
  bool cut() const { return cut_; }

 private:
  struct Head {
    Major major;
    std::uint8_t info;
    std::uint64_t argument;
    bool open = false;  ///< of indefinite length
  };

  Value fail() {
    cut_ = true;
    rest_ = {};
    return {};
  }

  std::optional<Head> next_head() {
    if (rest_.empty()) return std::nullopt;
    const auto first = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    Head head{static_cast<Major>(first >> 5), static_cast<std::uint8_t>(first & 31),
              static_cast<std::uint64_t>(first & 31)};
    if (head.info < 24) return head;
    if (head.info == 31) {
      head.open = true;
      return head;
    }
    const std::size_t size = std::size_t{1} << (head.info - 24);
    if (head.info > 27 || rest_.size() < size) return std::nullopt;
    head.argument = 0;
    for (std::size_t i = 0; i < size; ++i) head.argument = head.argument << 8 | static_cast<std::uint8_t>(rest_[i]);
    rest_.remove_prefix(size);
    return head;
  }

  bool at_break() {
    if (rest_.empty() || static_cast<std::uint8_t>(rest_.front()) != 0xFF) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void append(const Head& head, std::string& out, bool wanted) {
    const auto size = std::min<std::uint64_t>(head.argument, rest_.size());
    if (size < head.argument) cut_ = true;
    if (wanted) {
      const auto room = max_text - std::min(out.size(), max_text);
      cut_ = cut_ || size > room;
      out.append(rest_.substr(0, std::min<std::size_t>(size, room)));
    }
    rest_.remove_prefix(size);
  }

  void string(const Head& head, Major major, std::string& out, bool wanted) {
    if (!head.open) return append(head, out, wanted);
    while (!at_break()) {
      const auto chunk = next_head();
      if (!chunk || chunk->major != major || chunk->open) {
        fail();
        return;
      }
      append(*chunk, out, wanted);
    }
  }

  bool more(const Head& head, std::uint64_t done) {
    if (head.open ? at_break() : done == head.argument) return false;
    if (!rest_.empty()) return true;
    cut_ = true;
    return false;
  }

  Value list(const Head& head, std::size_t depth) {
    Value out = Value::of(Value::Kind::list);
    for (std::uint64_t i = 0; more(head, i); ++i) out.items.push_back(value(depth + 1));
    return out;
  }

  Value object(const Head& head, std::size_t depth) {
    Value out = Value::of(Value::Kind::map);
    for (std::uint64_t i = 0; more(head, i); ++i) {
      Value key = value(depth + 1);
      if (key.kind != Value::Kind::text || out.members.size() >= max_members) {
        fail();
        break;
      }
      out.members.push_back({std::move(key.text), value(depth + 1)});
    }
    return out;
  }

  static Value number(double value) {
    if (!std::isfinite(value))
      return Value::of(Value::Kind::number, std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    return Value::of(Value::Kind::number, {digits.data(), static_cast<std::size_t>(end - digits.data())});
  }

  /// RFC 8949, appendix D.
  static double half(std::uint64_t bits) {
    const auto exponent = static_cast<int>(bits >> 10 & 31);
    const auto mantissa = static_cast<double>(bits & 1023);
    double value = 0;
    if (exponent == 0)
      value = std::ldexp(mantissa, -24);
    else if (exponent != 31)
      value = std::ldexp(mantissa + 1024, exponent - 25);
    else
      value = mantissa == 0 ? INFINITY : NAN;
    return (bits & 0x8000) != 0 ? -value : value;
  }

  Value simple_value(const Head& head) {
    switch (head.info) {
      case 20:
        return Value::of(Value::Kind::boolean, "false");
      case 21:
        return Value::of(Value::Kind::boolean, "true");
      case 25:
        return number(half(head.argument));
      case 26:
        return number(std::bit_cast<float>(static_cast<std::uint32_t>(head.argument)));
      case 27:
        return number(std::bit_cast<double>(head.argument));
      case 31:  // a break where none may be
        return fail();
      default:
        return {};
    }
  }

  std::string_view rest_;
  std::size_t values_ = 0;
  bool cut_ = false;
};

}  // namespace

Decoded decode_cbor(std::string_view body, bool body_cut) {
  if (body.empty()) return {Value::of(Value::Kind::map), body_cut};
  Reader reader(body);
  Decoded decoded{reader.value(0), body_cut};
  decoded.cut = !each_name_once(decoded.value) || decoded.cut || reader.cut();
  return decoded;
}

}  // namespace plumbline::cloud
