// One outbound HTTP connection. cpp-httplib stays in the .cpp.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collector/forward/sink.hpp"
#include "collector/forward/watchdog.hpp"
#include "include/util/clock.hpp"

namespace plumbline::collector {

struct PosterOptions {
  std::string url;      ///< http:// or https://, host, optional port, path and query; may hold a secret
  std::string ca_file;  ///< PEM; "" = the system's
  std::chrono::milliseconds timeout = std::chrono::seconds(10);  ///< for the whole exchange, however slowly it drips
  std::string certificate_file{};  ///< PEM of our own, where the destination asks for one; "" = none is shown
  std::string key_file{};          ///< its key
  std::size_t max_answer_bytes = std::size_t{64} << 10;
};

/// The status is 0 where there was no whole answer; `error` then says why.
struct HttpReply {
  int status = 0;
  std::string error;
  std::string excerpt;  ///< of the answer's body, printable, for a person
  std::string body;     ///< what the destination says: not to be trusted
  std::optional<std::chrono::nanoseconds> retry_after;
};

/// Keeps its connection, follows no redirect, verifies TLS peers. CA, certificate and key are read again when their
/// files were replaced. One thread posts; cancel() is for any thread. Messages name scheme, host and port only: the
/// path may be a secret.
class HttpPoster {
 public:
  static Result<std::unique_ptr<HttpPoster>> make(const PosterOptions& options, std::shared_ptr<Watchdog> watchdog,
                                                  const Clock& clock);
  ~HttpPoster();

  /// `target`: path and query; "" = those of the URL.
  HttpReply post(const std::vector<std::pair<std::string, std::string>>& headers, const std::string& body,
                 const std::string& content_type, const std::string& target = "");
  void cancel() noexcept;

  /// Of the URL, as given: "/services/collector", with its query.
  const std::string& target() const;

 private:
  struct Impl;
  explicit HttpPoster(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// What a reply means for a batch: as delivery_of(), but one that is too large or holds something wrong (400, 413, 422)
/// is tried in parts, and any other 4xx is for a person to mend, as it is not the records' fault.
Delivery delivery_of_batch(const HttpReply& reply, std::size_t count);

/// What a reply means for `count` records that were sent in it.
Delivery delivery_of(const HttpReply& reply, std::size_t count);

/// The text of a file that holds one secret, without the newline at its end. Errors name the file, never its text.
Result<std::string> read_secret_file(const std::string& path);

}  // namespace plumbline::collector
