#include "agent/decode/dns_answer.hpp"

#include <algorithm>
#include <map>

namespace plumbline::agent {
namespace {

constexpr std::size_t header_size = 12;
constexpr std::size_t longest_name = 253;  // RFC 1035, section 2.3.4, as text
constexpr std::size_t max_records = 64, max_aliases = 16;
enum Type : std::uint16_t { type_a = 1, type_cname = 5, type_aaaa = 28 };
constexpr std::uint16_t class_internet = 1;

/// Reads on from a place; once something is missing all is.
class Reader {
 public:
  Reader(std::string_view bytes, std::size_t at) : bytes_(bytes), at_(at) {}

  bool ok() const { return ok_; }
  std::size_t at() const { return at_; }
  std::uint32_t number(std::size_t size) {
    std::uint32_t value = 0;
    for (const char c : take(size)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  std::string_view take(std::size_t size) {
    if (!ok_ || at_ > bytes_.size() || size > bytes_.size() - at_) {
      ok_ = false;
      return {};
    }
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }
  /// In lower case; "" for the root, and for one that is no host's. Each pointer of a compressed name (section 4.1.4)
  /// has to lead further back than the one before, so it ends.
  std::string name() {
    std::string text;
    std::size_t at = at_, lowest = at_;
    bool has_jumped = false, is_hosts = true;
    for (;;) {
      if (at >= bytes_.size()) return fail();
      const auto size = static_cast<unsigned char>(bytes_[at]);
      if (size >= 0xc0) {
        if (at + 1 >= bytes_.size()) return fail();
        const std::size_t to = (size & 0x3fU) << 8 | static_cast<unsigned char>(bytes_[at + 1]);
        if (!has_jumped) at_ = at + 2;
        has_jumped = true;
        if (to >= lowest) return fail();
        at = lowest = to;
        continue;
      }
      if (size > 63 || at + 1 + size > bytes_.size()) return fail();
      if (size == 0) break;
      if (text.size() + (text.empty() ? 0 : 1) + size > longest_name) return fail();
      if (!text.empty()) text += '.';
      for (char c : bytes_.substr(at + 1, size)) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
        is_hosts &= (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        text += c;
      }
      at += 1 + size;
    }
    if (!has_jumped) at_ = at + 1;
    return is_hosts ? text : "";
  }

 private:
  std::string fail() {
    ok_ = false;
    return {};
  }
  std::string_view bytes_;
  std::size_t at_;
  bool ok_ = true;
};

struct Alias {
  std::string to;
  std::uint32_t ttl;
};
struct Found {
  std::string owner;
  IpAddress address;
  std::uint32_t ttl;
};

IpAddress address_of(std::string_view data) {
  IpAddress address{};
  if (data.size() == 4) address[10] = address[11] = 0xff;
  std::copy(data.begin(), data.end(), address.end() - static_cast<std::ptrdiff_t>(data.size()));
  return address;
}

}  // namespace

std::optional<DnsAnswer> dns_answer(std::string_view bytes) {
  Reader message(bytes, 0);
  message.number(2);  // the question's number
  const std::uint32_t flags = message.number(2), questions = message.number(2), records = message.number(2);
  // An answer (QR) to a standard query (OPCODE) without error (RCODE).
  if (bytes.size() < header_size || (flags & 0xf80f) != 0x8000 || questions != 1) return std::nullopt;
  message.take(header_size - message.at());
  DnsAnswer answer;
  answer.name = message.name();
  const std::uint32_t asked_type = message.number(2), asked_class = message.number(2);
  if (!message.ok() || answer.name.empty() || asked_class != class_internet ||
      (asked_type != type_a && asked_type != type_aaaa))
    return std::nullopt;

  std::map<std::string, Alias> aliases;
  std::vector<Found> found;
  for (std::size_t i = 0; i < std::min<std::size_t>(records, max_records); ++i) {
    const std::string owner = message.name();
    const std::uint32_t type = message.number(2), klass = message.number(2), ttl = message.number(4);
    const std::size_t size = message.number(2), data_at = message.at();
    const auto data = message.take(size);
    if (!message.ok()) break;  // cut there
    if (owner.empty() || klass != class_internet) continue;
    if (type == type_cname) {
      Reader target(bytes.substr(0, data_at + size), data_at);
      const std::string to = target.name();
      if (target.ok() && !to.empty() && aliases.size() < max_aliases) aliases.emplace(owner, Alias{to, ttl});
    } else if ((type == type_a && size == 4) || (type == type_aaaa && size == 16)) {
      found.push_back({owner, address_of(data), ttl});
    }
  }

  std::string name = answer.name;
  std::uint32_t ttl = ~0U;
  for (std::size_t step = 0; step < max_aliases; ++step) {
    const auto alias = aliases.find(name);
    if (alias == aliases.end()) break;
    ttl = std::min(ttl, alias->second.ttl);
    name = alias->second.to;
  }
  for (const auto& each : found) {
    if (each.owner != name) continue;
    answer.addresses.push_back(each.address);
    ttl = std::min(ttl, each.ttl);
  }
  if (answer.addresses.empty()) return std::nullopt;
  answer.ttl = ttl;
  return answer;
}

}  // namespace plumbline::agent
