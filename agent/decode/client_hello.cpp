#include "agent/decode/client_hello.hpp"

#include <algorithm>

namespace plumbline::agent {
namespace {

constexpr std::size_t longest_name = 253;  // RFC 1035, section 2.3.4

/// Reads from the front; once something is missing all is.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return bytes_.empty(); }
  std::size_t number(std::size_t size) {
    std::size_t value = 0;
    for (const char c : take(size)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  std::string_view take(std::size_t size) {
    if (size > bytes_.size()) {
      ok_ = false;
      bytes_ = {};
      return {};
    }
    const auto taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  /// What a length of so many bytes stands before; less where the bytes are cut.
  std::string_view list(std::size_t size_of_length) {
    const std::size_t length = number(size_of_length);
    return take(std::min(length, bytes_.size()));
  }
  void skip(std::size_t size_of_length) { take(number(size_of_length)); }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

std::optional<std::string> plain_name(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    const bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    if (!fine) return std::nullopt;
  }
  if (lower.empty() || lower.size() > longest_name) return std::nullopt;
  return lower;
}

/// Calls `tell(type, data)` for each extension until it gives false; the last may be missing where the bytes are cut.
void for_each_extension(std::string_view bytes, const auto& tell) {
  Reader record(bytes);
  if (record.number(1) != 22 || record.number(1) != 3) return;  // a handshake, of any version
  record.number(1);
  Reader message(record.list(2));
  if (message.number(1) != 1) return;  // client_hello
  Reader hello(message.list(3));
  hello.take(2 + 32);  // legacy_version, random
  hello.skip(1);       // legacy_session_id
  hello.skip(2);       // cipher_suites
  hello.skip(1);       // legacy_compression_methods
  if (!hello.ok()) return;
  for (Reader extensions(hello.list(2)); extensions.ok() && !extensions.at_end();) {
    const std::size_t type = extensions.number(2);
    const std::size_t size = extensions.number(2);
    const auto data = extensions.take(size);
    if (extensions.ok() && !tell(type, data)) return;
  }
}

}  // namespace

std::optional<std::string> server_name(std::string_view bytes) {
  std::optional<std::string> found;
  for_each_extension(bytes, [&](std::size_t type, std::string_view data) {
    if (type != 0) return true;
    for (Reader names(Reader(data).list(2)); names.ok() && !names.at_end();) {
      const std::size_t kind = names.number(1);
      const auto name = names.take(names.number(2));
      if (kind != 0 || !names.ok()) continue;
      found = plain_name(name);
      break;
    }
    return false;
  });
  return found;
}

bool has_encrypted_hello(std::string_view bytes) {
  constexpr std::size_t encrypted_client_hello = 0xfe0d;
  bool found = false;
  for_each_extension(bytes, [&](std::size_t type, std::string_view /*data*/) {
    found = type == encrypted_client_hello;
    return !found;
  });
  return found;
}

}  // namespace plumbline::agent
