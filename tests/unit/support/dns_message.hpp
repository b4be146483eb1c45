// Messages of DNS, as servers write them and as nobody should.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace plumbline::agent::test {

constexpr std::uint16_t dns_a = 1, dns_cname = 5, dns_aaaa = 28;

class DnsMessage {
 public:
  /// An answer to one question; records follow.
  explicit DnsMessage(std::string_view name, std::uint16_t type = dns_a) {
    bytes_ = std::string("\x12\x34\x81\x80\0\1\0\0\0\0\0\0", 12);
    bytes_ += name_of(name) + number(type, 2) + number(1, 2);
  }
  static std::string number(std::uint32_t value, int size) {
    std::string out;
    for (int i = size - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
    return out;
  }
  /// Not compressed.
  static std::string name_of(std::string_view name) {
    std::string out;
    while (!name.empty()) {
      const auto label = name.substr(0, name.find('.'));
      out += static_cast<char>(label.size());
      out += label;
      name.remove_prefix(std::min(name.size(), label.size() + 1));
    }
    return out + '\0';
  }
  static std::string pointer(std::size_t to) { return number(0xc000U | static_cast<std::uint32_t>(to), 2); }
  /// `owner` and `data` as they stand in the message.
  DnsMessage& add(const std::string& owner, std::uint16_t type, std::uint32_t ttl, const std::string& data) {
    bytes_ += owner + number(type, 2) + number(1, 2) + number(ttl, 4);
    bytes_ += number(static_cast<std::uint32_t>(data.size()), 2) + data;
    ++bytes_[7];
    return *this;
  }
  std::size_t size() const { return bytes_.size(); }
  const std::string& bytes() const { return bytes_; }
  static constexpr std::size_t question = 12;  ///< where its name stands

 private:
  std::string bytes_;
};

}  // namespace plumbline::agent::test
