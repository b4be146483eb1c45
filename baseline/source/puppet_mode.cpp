#include "baseline/source/puppet_mode.hpp"

#include <array>
#include <string>

namespace plumbline::baseline {
namespace {

constexpr std::uint32_t read_bit = 4, write_bit = 2, execute_bit = 1;
constexpr std::uint32_t setuid_bit = 4, setgid_bit = 2, sticky_bit = 1;
constexpr std::size_t longest = 128;

/// Three bits, some of them not known.
struct Bits {
  std::uint32_t value = 0;
  std::uint32_t known = 0;
};

Bits joined(const Bits& a, const Bits& b) {
  return {a.value | b.value, (a.known & b.known) | a.value | b.value};
}

Bits without(const Bits& a, const Bits& b) {
  const std::uint32_t off = b.known & b.value;
  // What is off in `a` stays off, what is on in `b` goes off, whatever the other.
  return {a.value & ~off & b.known, (a.known & b.known) | (a.known & ~a.value) | off};
}

/// Puppet's own order of things, with bits that may not be known. Index 0 to 3: user, group, other, special.
class SymbolicMode {
 public:
  SymbolicMode(bool is_directory) : is_directory_(is_directory) {
    if (!is_directory) bits_[3].known = 7;
  }

  std::optional<std::uint32_t> apply(std::string_view text) {
    while (true) {
      const auto comma = text.find(',');
      if (!clause(text.substr(0, comma))) return std::nullopt;
      if (comma == std::string_view::npos) break;
      text.remove_prefix(comma + 1);
    }
    std::uint32_t mode = bits_[3].value << 9;
    for (std::size_t who = 0; who < 4; ++who)
      if (bits_[who].known != 7) return std::nullopt;
    for (std::size_t who = 0; who < 3; ++who) mode |= bits_[who].value << (6 - 3 * who);
    return mode;
  }

 private:
  static std::size_t index_of(char who) { return std::string_view("ugo").find(who); }

  /// "ug+rw-x"
  bool clause(std::string_view text) {
    std::array<bool, 3> whom{};
    const auto first = text.find_first_of("+-=");
    if (first == std::string_view::npos) return false;
    for (const char who : text.substr(0, first)) {
      if (who != 'a' && index_of(who) > 2) return false;
      for (std::size_t i = 0; i < 3; ++i) whom[i] = whom[i] || who == 'a' || i == index_of(who);
    }
    if (first == 0) whom = {true, true, true};
    const auto before = bits_;
    for (std::size_t who = 0; who < 3; ++who)
      if (whom[who] && !change(who, text.substr(first), before)) return false;
    return true;
  }

  bool change(std::size_t who, std::string_view changes, const std::array<Bits, 4>& before) {
    Bits bits = before[who];
    char action = 0;
    const auto act = [&](const Bits& on, const Bits& with) {
      return action == '-' ? without(on, with) : joined(on, with);
    };
    for (const char c : changes) {
      switch (c) {
        case '+':
        case '-':
          action = c;
          break;
        case '=':
          action = c;
          bits = {0, 7};
          break;
        case 'r':
          bits = act(bits, {read_bit, 7});
          break;
        case 'w':
          bits = act(bits, {write_bit, 7});
          break;
        case 'x':
          bits = act(bits, {execute_bit, 7});
          break;
        case 'X':  // for a file it depends on the x that are there now
          if (action != '+') return false;
          bits = act(bits, is_directory_ ? Bits{execute_bit, 7} : Bits{0, 7 & ~execute_bit});
          break;
        case 'u':
        case 'g':
        case 'o':
          bits = act(bits, before[index_of(c)]);
          break;
        case 't':
          bits_[3] = act(bits_[3], {sticky_bit, 7});
          break;
        case 's':
          bits_[3] = act(bits_[3], {who == 0 ? setuid_bit : who == 1 ? setgid_bit : sticky_bit, 7});
          break;
        default:
          return false;
      }
    }
    bits_[who] = bits;
    return true;
  }

  bool is_directory_;
  std::array<Bits, 4> bits_{};
};

std::optional<std::uint32_t> octal(std::string_view text) {
  if (text.size() > 5 || (text.size() == 5 && text[0] != '0')) return std::nullopt;
  std::uint32_t mode = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    mode = mode * 8 + static_cast<std::uint32_t>(c - '0');
  }
  return mode;
}

}  // namespace

std::optional<std::uint32_t> puppet_mode(std::string_view text, PuppetShape shape) {
  if (text.empty() || text.size() > longest) return std::nullopt;
  if (shape == PuppetShape::either) {
    const auto as_file = puppet_mode(text, PuppetShape::file);
    return as_file == puppet_mode(text, PuppetShape::directory) ? as_file : std::nullopt;
  }
  const bool is_directory = shape == PuppetShape::directory;
  if (const auto mode = octal(text)) return is_directory ? *mode | (*mode & 0444) >> 2 : *mode;
  return SymbolicMode(is_directory).apply(text);
}

}  // namespace plumbline::baseline
