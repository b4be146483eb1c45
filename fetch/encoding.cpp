#include "fetch/encoding.hpp"

#include <openssl/evp.h>

#include <algorithm>

#include "include/util/hex.hpp"

namespace plumbline::fetch {

std::string percent_encode(std::string_view bytes, bool keep_slash) {
  std::string out;
  out.reserve(3 * bytes.size());
  append_percent_encoded(out, bytes, keep_slash);
  return out;
}

void append_percent_encoded(std::string& out, std::string_view bytes, bool keep_slash) {
  for (const unsigned char c : bytes) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (letter || c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && keep_slash)) {
      out += static_cast<char>(c);
    } else {
      out += '%';
      append_hex(out, c, upper_hex);
    }
  }
}

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock() ends it with a NUL
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  text.pop_back();
  return text;
}

bool is_header_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace plumbline::fetch
