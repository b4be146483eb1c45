#include "access/token_file.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "fetch/file_origin.hpp"
#include "fetch/secret.hpp"

namespace plumbline::access {
namespace {

constexpr std::chrono::seconds look_again{1};

}  // namespace

TokenDigest digest_of(std::string_view token) {
  TokenDigest digest{};
  if (EVP_Digest(token.data(), token.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
                 nullptr) != 1)
    throw std::runtime_error("no SHA-256");  // no memory: the request fails, nobody is let in
  return digest;
}

Result<std::unique_ptr<TokenFile>> TokenFile::load(std::string path, std::size_t shortest) {
  std::unique_ptr<TokenFile> file(new TokenFile(std::move(path), shortest));
  file->version_ = fetch::file_version(file->path_);
  auto digest = file->read();
  if (!digest) return digest.error();
  file->digest_ = *digest;
  file->looked_ = std::chrono::steady_clock::now();
  return file;
}

Result<TokenDigest> TokenFile::read() const {
  const auto token = fetch::read_secret_line(path_);
  if (!token) return token.error();
  if (token->view().size() < shortest_)
    return invalid("read the token in " + path_,
                   "it has fewer than " + std::to_string(shortest_) + " characters, and could be guessed",
                   "make one with: openssl rand -hex 32");
  return digest_of(token->view());
}

bool TokenFile::is(const TokenDigest& given) {
  const std::lock_guard lock(mutex_);
  if (const auto now = std::chrono::steady_clock::now(); now - looked_ >= look_again) {
    looked_ = now;
    if (auto version = fetch::file_version(path_); version != version_ || !trouble_.empty()) {
      version_ = std::move(version);
      auto digest = read();
      trouble_ = digest ? "" : digest.error().message();
      if (digest) digest_ = *digest;
    }
  }
  return trouble_.empty() && CRYPTO_memcmp(given.data(), digest_.data(), digest_.size()) == 0;
}

std::string TokenFile::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

}  // namespace plumbline::access
