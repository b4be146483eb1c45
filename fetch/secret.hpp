// Credentials in memory, on disk and on their way: whatever holds one is cleared when it goes, and errors name where it
// stands, never what it is.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "include/util/result.hpp"

namespace plumbline::fetch {

/// Overwrites the text and what its buffer still holds of an earlier one, then empties it.
void wipe(std::string& text) noexcept;

/// Owned bytes that are overwritten before their memory is given back. Never appended to: a string that grows leaves
/// its old bytes behind.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text) : text_(text) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept {
    text_.swap(other.text_);
    wipe(other.text_);  // a short string leaves its bytes behind where it was moved from
  }
  Secret& operator=(Secret other) noexcept {
    text_.swap(other.text_);
    return *this;
  }
  ~Secret() { wipe(text_); }

  /// Takes the bytes over; `text` is empty then.
  static Secret take(std::string& text) noexcept;

  /// Valid as long as this Secret is unchanged.
  std::string_view view() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  std::string text_;
};

/// The whole of a regular file. `what` is the error's: `not_found` and `permission` where it cannot be opened,
/// `invalid_argument` where it is another kind of file or longer than `max_bytes`.
Result<Secret> read_secret_file(const std::string& what, const std::string& path, std::size_t max_bytes);

/// The one line of a file that holds a secret, without its end. `invalid_argument`: it is empty, longer than 16 KiB or
/// not is_header_text().
Result<Secret> read_secret_line(const std::string& path);

/// `invalid_argument`: no URL, or one to which a credential would travel unencrypted beyond this machine.
Result<void> safe_for_secrets(const std::string& what, const std::string& url);

}  // namespace plumbline::fetch
