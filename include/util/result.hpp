// Result<T>: the one way in which a function that can fail at run time says so (docs/decisions/0002).
#pragma once

#include <boost/system/result.hpp>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace plumbline {

/// What a failure means to the caller; decides exit codes, HTTP statuses and retries, never wording.
enum class ErrorCode {
  invalid_argument,  ///< input that its author must mend (config, state file, request)
  not_found,
  permission,
  unavailable,  ///< may work later: a peer that is down, a full queue, a full disk
  corrupt,      ///< stored bytes that fail their own check
  unsupported,  ///< this kernel, file system or format version cannot
  io,           ///< a system call failed
  internal,     ///< a bug of ours
};

/// A failure in the four parts a reader needs. `what` names the action and its object, `why` the cause, `fix` the next
/// step (may be empty where there is none). Parts hold no secret values and no newline.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string what;
  std::string why;
  std::string fix;

  /// One line: "WHAT: WHY; FIX".
  std::string message() const {
    std::string text = what;
    if (!why.empty()) text += ": " + why;
    if (!fix.empty()) text += "; " + fix;
    return text;
  }
};

template <class T>
using Result = boost::system::result<T, Error>;

/// Called by `result::value()` on an error. Only start-up code and tests call value() unchecked; main catches this
/// once.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::runtime_error(error.message());
}

/// What errno's value means, as strerror(3) says it; thread-safe.
inline std::string errno_text(int errno_value) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's is, its buffers are per thread since 2.32
  return std::strerror(errno_value);
}

/// An `io` error from `errno_value`, for example io_error("open /etc/app.conf", errno).
inline Error io_error(std::string what, int errno_value, std::string fix = {}) {
  ErrorCode code = ErrorCode::io;
  if (errno_value == ENOENT || errno_value == ENOTDIR) code = ErrorCode::not_found;
  if (errno_value == EACCES || errno_value == EPERM) code = ErrorCode::permission;
  if (errno_value == ENOSPC || errno_value == EDQUOT || errno_value == EAGAIN) code = ErrorCode::unavailable;
  return {code, std::move(what), errno_text(errno_value), std::move(fix)};
}

inline Error invalid(std::string what, std::string why, std::string fix = {}) {
  return {ErrorCode::invalid_argument, std::move(what), std::move(why), std::move(fix)};
}

}  // namespace plumbline
