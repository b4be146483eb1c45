#include "baseline/keyed_hash.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/util/fd.hpp"
#include "include/util/own_folder.hpp"

namespace plumbline::baseline {

Sha256 sha256(std::string_view bytes) {
  Sha256 digest;
  EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
             nullptr);
  return digest;
}

Result<std::array<std::byte, 32>> load_key(const std::string& path) {
  std::array<std::byte, 32> key;
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file && errno == ENOENT)
    return Error{ErrorCode::not_found, "open the key " + path, "there is no such file", "check its path"};
  if (!file) return io_error("open the key " + path, errno, "it must be a file that this program may read");
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return io_error("look at the key " + path, errno);
  if (!is_own(status))
    return Error{ErrorCode::permission, "use the key " + path,
                 "it belongs to uid " + std::to_string(status.st_uid) + ", who knows it", "move it away"};
  if ((status.st_mode & 077) != 0)
    return Error{ErrorCode::permission, "use the key " + path, "others may read it", "chmod 600 " + path};
  if (status.st_size != 32 || ::read(file.get(), key.data(), key.size()) != 32)
    return Error{ErrorCode::corrupt, "read the key " + path, "it must hold exactly 32 bytes",
                 "move it away; a new one is made, and keyed hashes in old findings then no longer compare"};
  return key;
}

Result<std::array<std::byte, 32>> load_or_create_key(const std::string& path) {
  auto known = load_key(path);
  if (known || known.error().code != ErrorCode::not_found) return known;
  std::array<std::byte, 32> key;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(key.size())) != 1)
    return Error{ErrorCode::io, "draw a key for " + path, "the random generator refused", ""};
  // Made beside and linked into place, so that two agents starting at once agree on one key.
  const std::string fresh = path + "." + std::to_string(::getpid());
  const Fd out(::open(fresh.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
  if (!out || ::write(out.get(), key.data(), key.size()) != static_cast<ssize_t>(key.size()) ||
      ::fsync(out.get()) != 0) {
    const int error = errno;
    ::unlink(fresh.c_str());
    return io_error("write the key " + path, error, "its directory must be there and be writable");
  }
  const bool linked = ::link(fresh.c_str(), path.c_str()) == 0 || errno == EEXIST;
  const int error = errno;
  ::unlink(fresh.c_str());
  if (!linked) return io_error("put the key in place at " + path, error);
  const Fd directory(::open(path.substr(0, path.rfind('/') + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) ::fsync(directory.get());
  return load_key(path);
}

KeyedHash::KeyedHash(const std::array<std::byte, 32>& key) : key_(key) {}
KeyedHash::KeyedHash(KeyedHash&& other) noexcept : key_(other.key_) {
  OPENSSL_cleanse(other.key_.data(), other.key_.size());
}
KeyedHash::~KeyedHash() {
  OPENSSL_cleanse(key_.data(), key_.size());
}

namespace {

Result<KeyedHash> of_bytes(Result<std::array<std::byte, 32>> key) {
  if (!key) return key.error();
  KeyedHash result(*key);
  OPENSSL_cleanse(key->data(), key->size());
  return result;
}

}  // namespace

Result<KeyedHash> KeyedHash::load(const std::string& path) {
  return of_bytes(load_key(path));
}

Result<KeyedHash> KeyedHash::load_or_create(const std::string& path) {
  return of_bytes(load_or_create_key(path));
}

std::string KeyedHash::of_digest(const Sha256& digest) const {
  Sha256 mac;
  unsigned size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), reinterpret_cast<const unsigned char*>(digest.data()),
       digest.size(), reinterpret_cast<unsigned char*>(mac.data()), &size);
  return "hmac-sha256:" + to_hex(mac);
}

}  // namespace plumbline::baseline
