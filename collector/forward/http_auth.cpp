#include "collector/forward/http_auth.hpp"

#include <openssl/evp.h>

#include <algorithm>

#include "collector/forward/http_poster.hpp"

namespace plumbline::collector {
namespace {

std::string base64(const std::string& text) {
  std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

}  // namespace

Result<std::string> read_header_secret(const std::string& path) {
  auto secret = read_secret_file(path);
  if (!secret) return secret;
  if (std::any_of(secret->begin(), secret->end(), [](char c) { return c <= ' ' || c >= '\x7f'; }))
    return invalid("read the secret in " + path, "it holds a blank, a line end or a byte that is not ASCII",
                   "write the secret alone into it");
  return secret;
}

Result<void> add_authorization(const HttpAuth& auth, HttpHeaders& headers) {
  if (!auth.password_file.empty()) {
    const auto password = read_secret_file(auth.password_file);
    if (!password) return password.error();
    headers.emplace_back("Authorization", "Basic " + base64(auth.username + ":" + *password));
    return {};
  }
  const bool api_key = !auth.api_key_file.empty();
  const std::string& path = api_key ? auth.api_key_file : auth.token_file;
  if (path.empty()) return {};
  const auto secret = read_header_secret(path);
  if (!secret) return secret.error();
  headers.emplace_back("Authorization", (api_key ? "ApiKey " : "Bearer ") + *secret);
  return {};
}

}  // namespace plumbline::collector
