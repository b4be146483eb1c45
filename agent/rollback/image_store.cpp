#include "agent/rollback/image_store.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "agent/rollback/image_bytes.hpp"
#include "baseline/keyed_hash.hpp"
#include "include/util/file_time.hpp"
#include "include/util/free_with.hpp"
#include "include/util/replace_file.hpp"

namespace plumbline::agent {
namespace {

// A file: "PLI1", a nonce, what is encrypted, and its tag (NIST SP 800-38D). The id is authenticated with it, so that
// nobody gives one file's image to another. A nonce is random; 2^32 images under one key are far off.
constexpr std::string_view magic = "PLI1";
constexpr std::size_t nonce_size = 12, tag_size = 16, head_size = magic.size() + nonce_size;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeWith<EVP_CIPHER_CTX_free>>;

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* raw(std::string& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

Error crypto_error(const char* what) {
  return {ErrorCode::internal, what, "OpenSSL refuses", {}};
}

bool derive(const std::array<std::byte, 32>& install_key, std::array<unsigned char, 32>& key) {
  const std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>> hkdf(EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr));
  constexpr std::string_view info = "plumbline images of files v1";
  std::size_t size = key.size();
  return hkdf && EVP_PKEY_derive_init(hkdf.get()) == 1 && EVP_PKEY_CTX_set_hkdf_md(hkdf.get(), EVP_sha256()) == 1 &&
         EVP_PKEY_CTX_set1_hkdf_key(hkdf.get(), reinterpret_cast<const unsigned char*>(install_key.data()),
                                    static_cast<int>(install_key.size())) == 1 &&
         EVP_PKEY_CTX_add1_hkdf_info(hkdf.get(), raw(info), static_cast<int>(info.size())) == 1 &&
         EVP_PKEY_derive(hkdf.get(), key.data(), &size) == 1;
}

Result<std::string> seal(const std::array<unsigned char, 32>& key, const std::string& id, const std::string& plain) {
  std::string out(head_size + plain.size() + tag_size, '\0');
  magic.copy(out.data(), magic.size());
  unsigned char* nonce = raw(out) + magic.size();
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  if (!cipher || RAND_bytes(nonce, nonce_size) != 1 ||
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce) != 1 ||
      EVP_EncryptUpdate(cipher.get(), nullptr, &size, raw(id), static_cast<int>(id.size())) != 1 ||
      EVP_EncryptUpdate(cipher.get(), raw(out) + head_size, &size, raw(plain), static_cast<int>(plain.size())) != 1 ||
      EVP_EncryptFinal_ex(cipher.get(), raw(out) + head_size + size, &size) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, tag_size, raw(out) + head_size + plain.size()) != 1)
    return crypto_error("encrypt the image of a file");
  return out;
}

Result<std::string> unseal(const std::array<unsigned char, 32>& key, const std::string& id, std::string sealed) {
  const Error damaged{ErrorCode::corrupt, "read a kept image",
                      "it is damaged, or was made under another key of this install",
                      "it is kept anew when the file is right the next time"};
  if (sealed.size() < head_size + tag_size || !sealed.starts_with(magic)) return damaged;
  std::string plain(sealed.size() - head_size - tag_size, '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool fine =
      cipher &&
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), raw(sealed) + magic.size()) == 1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &size, raw(id), static_cast<int>(id.size())) == 1 &&
      EVP_DecryptUpdate(cipher.get(), raw(plain), &size, raw(sealed) + head_size, static_cast<int>(plain.size())) ==
          1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, tag_size, raw(sealed) + head_size + plain.size()) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), raw(plain) + size, &size) == 1;
  if (fine) return plain;
  OPENSSL_cleanse(plain.data(), plain.size());  // may be most of it
  return damaged;
}

Result<std::string> read_whole(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) != 0) return io_error("read " + path, errno);
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t had = 0;
  while (had < bytes.size()) {
    const ssize_t count = ::read(fd.get(), bytes.data() + had, bytes.size() - had);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return io_error("read " + path, errno);
    if (count == 0) break;
    had += static_cast<std::size_t>(count);
  }
  bytes.resize(had);
  return bytes;
}

}  // namespace

Result<ImageStore> ImageStore::open(const std::string& folder, const std::array<std::byte, 32>& install_key,
                                    Limits limits) {
  ImageStore store(folder, limits);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return io_error("make " + folder, errno);
  if (!derive(install_key, store.key_)) return crypto_error("derive the key of kept images");
  const std::unique_ptr<DIR, FreeWith<::closedir>> listing(::opendir(folder.c_str()));
  if (!listing) return io_error("list " + folder, errno);
  while (const dirent* entry = ::readdir(listing.get())) {  // NOLINT(concurrency-mt-unsafe): own DIR
    const std::string name = entry->d_name;
    struct stat status{};
    if (::fstatat(::dirfd(listing.get()), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
      continue;
    if (name.ends_with(".new"))  // of a put that did not come to its end
      ::unlinkat(::dirfd(listing.get()), name.c_str(), 0);
    else
      store.note(name, {static_cast<std::uint64_t>(status.st_size), ns_of(status.st_mtim)});
  }
  return store;
}

ImageStore::ImageStore(ImageStore&& other) noexcept
    : folder_(std::move(other.folder_)),
      limits_(other.limits_),
      key_(other.key_),
      sizes_(std::move(other.sizes_)),
      by_age_(std::move(other.by_age_)),
      bytes_(other.bytes_),
      evicted_(other.evicted_) {
  OPENSSL_cleanse(other.key_.data(), other.key_.size());
}

ImageStore::~ImageStore() {
  OPENSSL_cleanse(key_.data(), key_.size());
}

std::string ImageStore::name_of(const std::string& id) {
  return baseline::to_hex(baseline::sha256(id));
}

void ImageStore::note(const std::string& name, Entry entry) {
  const auto known = sizes_.find(name);
  if (known != sizes_.end()) {
    bytes_ -= known->second.size;
    by_age_.erase({known->second.put_at, name});
  }
  bytes_ += entry.size;
  by_age_.emplace(entry.put_at, name);
  sizes_[name] = entry;
}

void ImageStore::drop(const std::string& name) {
  const auto known = sizes_.find(name);
  if (known == sizes_.end()) return;
  ::unlink((folder_ + "/" + name).c_str());
  bytes_ -= known->second.size;
  by_age_.erase({known->second.put_at, name});
  sizes_.erase(known);
}

Result<void> ImageStore::put(const std::string& id, const FileImage& image) {
  std::string plain = bytes_of(image);
  const auto sealed = seal(key_, id, plain);
  OPENSSL_cleanse(plain.data(), plain.size());
  if (!sealed) return sealed.error();
  if (sealed->size() > limits_.bytes)
    return Error{
        ErrorCode::unavailable, "keep the image of a file",
        "it needs " + std::to_string(sealed->size()) + " bytes, and the store has " + std::to_string(limits_.bytes),
        "raise rollback.store_bytes"};
  const std::string name = name_of(id);
  const auto known = sizes_.find(name);
  const std::uint64_t replaced = known == sizes_.end() ? 0 : known->second.size;
  while (bytes_ - replaced + sealed->size() > limits_.bytes) {
    const auto oldest = std::find_if(by_age_.begin(), by_age_.end(), [&](const auto& e) { return e.second != name; });
    if (oldest == by_age_.end()) break;
    drop(std::string(oldest->second));
    ++evicted_;
  }
  const std::string path = folder_ + "/" + name;
  if (auto written = replace_file(path, *sealed); !written) return written.error();
  // Times of files move in ticks, in which several may be put: here each is later than the one before.
  const WallNs latest = by_age_.empty() ? 0 : by_age_.rbegin()->first;
  note(name, {sealed->size(), std::max(modified_at(path), latest + 1)});
  return {};
}

Result<FileImage> ImageStore::get(const std::string& id) const {
  auto sealed = read_whole(folder_ + "/" + name_of(id));
  if (!sealed) return sealed.error();
  auto plain = unseal(key_, id, std::move(*sealed));
  if (!plain) return plain.error();
  auto image = image_of(*plain);
  OPENSSL_cleanse(plain->data(), plain->size());
  return image;
}

void ImageStore::remove(const std::string& id) {
  drop(name_of(id));
}

std::size_t ImageStore::remove_older(WallNs before) {
  std::size_t removed = 0;
  while (!by_age_.empty() && by_age_.begin()->first < before) {
    drop(std::string(by_age_.begin()->second));
    ++removed;
  }
  return removed;
}

}  // namespace plumbline::agent
