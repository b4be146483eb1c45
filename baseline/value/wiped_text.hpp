#pragma once

#include <string.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace plumbline::baseline {

/// Text that is written piece by piece and may hold secrets: what it leaves behind, by growing or by becoming shorter
/// at its end, is wiped. Used by one thread.
class WipedText {
 public:
  WipedText() = default;
  ~WipedText() { clear(); }
  WipedText(const WipedText&) = delete;
  WipedText& operator=(const WipedText&) = delete;

  std::size_t size() const { return size_; }
  std::string_view from(std::size_t begin) const { return between(begin, size_); }
  std::string_view between(std::size_t begin, std::size_t end) const { return {text_.get() + begin, end - begin}; }
  char* at(std::size_t place) { return text_.get() + place; }

  void put(char c) {
    if (size_ == capacity_) grow(1);
    text_[size_++] = c;
  }
  void put(std::string_view text) {
    if (text.empty()) return;
    if (capacity_ - size_ < text.size()) grow(text.size());
    std::memcpy(text_.get() + size_, text.data(), text.size());
    size_ += text.size();
  }
  /// `"key":`, for keys in which nothing is escaped.
  void put_key(std::string_view key) {
    char* to = room(key.size() + 3);
    *to = '"';
    std::memcpy(to + 1, key.data(), key.size());
    to[key.size() + 1] = '"';
    to[key.size() + 2] = ':';
    fill(key.size() + 3);
  }
  /// Room for `size` more bytes, of which fill() tells how many were written.
  char* room(std::size_t size) {
    if (capacity_ - size_ < size) grow(size);
    return text_.get() + size_;
  }
  void fill(std::size_t size) { size_ += size; }
  /// What is cut off stays in memory until clear().
  void cut(std::size_t size) {
    used_ = std::max(used_, size_);
    size_ = size;
  }
  /// Takes the bracket at `begin` and the one at the end off.
  void strip(std::size_t begin) {
    std::memmove(text_.get() + begin, text_.get() + begin + 1, size_ - begin - 2);
    cut(size_ - 2);
  }
  void clear() {
    cut(0);
    if (text_) ::explicit_bzero(text_.get(), used_);
    used_ = 0;
    if (capacity_ > max_kept) *this = WipedText();
  }

 private:
  static constexpr std::size_t max_kept = 1 << 20;  ///< bytes that wait for the next text

  WipedText& operator=(WipedText&&) = default;

  void grow(std::size_t more) {
    const std::size_t capacity = std::max({2 * capacity_, size_ + more, std::size_t{4096}});
    std::unique_ptr<char[]> larger(new char[capacity]);
    std::copy_n(text_.get(), size_, larger.get());
    if (text_) ::explicit_bzero(text_.get(), std::max(used_, size_));
    text_ = std::move(larger);
    capacity_ = capacity;
    used_ = 0;
  }

  std::unique_ptr<char[]> text_;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
  std::size_t used_ = 0;  ///< so far something may stand
};

}  // namespace plumbline::baseline
