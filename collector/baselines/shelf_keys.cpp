#include "collector/baselines/shelf_keys.hpp"

#include <openssl/crypto.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "baseline/keyed_hash.hpp"
#include "fetch/secret.hpp"
#include "include/util/own_folder.hpp"

namespace plumbline::collector {
namespace {

constexpr std::size_t key_bytes = 32;

Result<void> read_key(const std::string& path, std::array<std::byte, key_bytes>& key) {
  if (auto fine = check_given_key(path); !fine) return fine;
  const std::string what = "read the key " + path;
  const auto bytes = fetch::read_secret_file(what, path, key_bytes);
  if (!bytes) return bytes.error();
  if (bytes->view().size() != key_bytes)
    return Error{ErrorCode::corrupt, what, "it must hold exactly 32 bytes",
                 "plumbline-collector --make-keys FOLDER makes all of them"};
  std::transform(bytes->view().begin(), bytes->view().end(), key.begin(), [](char c) { return std::byte(c); });
  return {};
}

}  // namespace

ShelfKeys::~ShelfKeys() {
  OPENSSL_cleanse(hash.data(), hash.size());
  OPENSSL_cleanse(signing.data(), signing.size());
}

fetch::NodeKey ShelfKeys::for_nodes() const {
  fetch::NodeKey key;
  key.verify = fetch::public_key_of(signing);
  key.hash = hash;
  return key;
}

Result<ShelfKeys> make_shelf_keys(const std::string& folder) {
  if (auto made = make_own_folder(folder, "folder of baselines", "baselines_dir"); !made) return made.error();
  auto hash = baseline::load_or_create_key(folder + "/hash.key");
  if (!hash) return hash.error();
  auto signing = baseline::load_or_create_key(folder + "/signing.key");
  ShelfKeys keys;
  keys.hash = *hash;
  OPENSSL_cleanse(hash->data(), hash->size());
  if (!signing) return signing.error();
  keys.signing = *signing;
  OPENSSL_cleanse(signing->data(), signing->size());
  return keys;
}

Result<ShelfKeys> read_shelf_keys(const std::string& folder) {
  ShelfKeys keys;
  if (auto read = read_key(folder + "/hash.key", keys.hash); !read) return read.error();
  if (auto read = read_key(folder + "/signing.key", keys.signing); !read) return read.error();
  return keys;
}

Result<void> check_given_key(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0)
    return io_error("read the key " + path, errno,
                    "give this collector the files of keys_dir that the others have; plumbline-collector --make-keys "
                    "FOLDER makes the first");
  if ((status.st_mode & S_IRWXO) != 0)
    return Error{ErrorCode::permission, "use the key " + path, "everybody here may read it", "chmod o= " + path};
  return {};
}

}  // namespace plumbline::collector
