// Where a source that is no file of this node is fetched from.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "include/util/result.hpp"

namespace plumbline::fetch {

/// More than this of one source is refused: it is held in memory while it is read.
inline constexpr std::size_t max_fetched_bytes = std::size_t{256} << 20;

struct FetchLimits {
  std::chrono::milliseconds connect{5'000};
  std::chrono::milliseconds whole{60'000};  ///< for one fetch, from first to last byte
  std::stop_token stop{};                   ///< asked for: what is under way is cut, and what would begin does not
};

/// What one fetch brought. Bytes hold secrets in clear: they are handed to `take` and cleared afterwards, never kept.
struct Fetched {
  bool unchanged = false;  ///< as of `known`: `take` was not called
  std::string version;     ///< what to give as `known` next time: an ETag, a resourceVersion; "" = there is none
};

/// One place. Used by one thread, which may wait. Errors name the place without credentials in it and say what to do;
/// `unavailable` and `io` may work later, `permission` and `not_found` need a person.
class Origin {
 public:
  virtual ~Origin() = default;

  /// Fetches what is there, unless it is what `known` (a Fetched::version of before, "" = nothing) stands for. Bytes
  /// without an address (data() == nullptr) stand for the file that the source names, which its reader opens itself.
  virtual Result<Fetched> fetch(const std::string& known,
                                const std::function<Result<void>(std::string_view bytes)>& take) = 0;
};

}  // namespace plumbline::fetch
