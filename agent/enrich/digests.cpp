#include "agent/enrich/digests.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "include/util/fd.hpp"
#include "include/util/hex.hpp"

namespace plumbline::agent {

std::optional<std::array<std::byte, 32>> sha256_of_fd(int fd, std::uint64_t max_bytes) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  std::array<char, 64 * 1024> buffer;
  std::size_t used = 0;
  for (off_t at = 0;;) {
    const ssize_t size = ::pread(fd, buffer.data(), buffer.size(), at);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return std::nullopt;
    if (size == 0) break;
    EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(size));
    used = std::max(used, static_cast<std::size_t>(size));
    at += size;
    if (std::cmp_greater(at, max_bytes)) {  // it may have grown since its size was looked at
      errno = EFBIG;
      return std::nullopt;
    }
  }
  std::array<std::byte, 32> digest;
  EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr);
  ::OPENSSL_cleanse(buffer.data(), used);  // may have been a secret
  return digest;
}

std::string Digests::remembered(const OpenedExecutable& opened) {
  constexpr std::size_t max_known = 1024;
  const Id id{opened.key.dev, opened.key.ino, opened.key.subvolume, opened.generation, opened.change_time_ns};
  if (const auto it = known_.find(id); it != known_.end()) {
    order_.remove(id);
    order_.push_back(id);
    return it->second;
  }
  const auto digest = sha256_of_fd(opened.fd, max_executable_bytes);
  if (!digest) return "";
  if (order_.size() >= max_known) {
    known_.erase(order_.front());
    order_.pop_front();
  }
  order_.push_back(id);
  return known_[id] = to_hex(*digest);
}

std::string Digests::of(const Executable& executable, const std::vector<Candidate>& candidates) {
  const auto& [inode, generation, change_time_ns] = executable;
  if (inode.ino == 0) return "";
  for (const auto& candidate : candidates) {
    const auto opened = open_(candidate.root, candidate.path);
    if (!opened) continue;
    const Fd fd(opened->fd);
    if (!candidate.runs && (change_time_ns == 0 || opened->change_time_ns != change_time_ns)) continue;
    // A composed key (no multigrain time) has no generation, nor has overlay's; the numbers alone must do there.
    const auto is = [&](const mark_key& key) {
      return key.ino == inode.ino && key.dev == inode.dev && key.subvolume == inode.subvolume;
    };
    const bool same =
        (is(opened->key) && (generation == 0 || opened->generation == 0 || opened->generation == generation)) ||
        is(opened->shown);
    if (!same) continue;
    if (auto digest = remembered(*opened); !digest.empty()) return digest;
  }
  ++unreadable_;
  return "";
}

std::string Digests::of_path(const std::string& path) {
  const auto opened = open_("", path);
  const Fd fd(opened ? opened->fd : -1);
  auto digest = opened ? remembered(*opened) : "";
  if (digest.empty()) ++unreadable_;
  return digest;
}

}  // namespace plumbline::agent
