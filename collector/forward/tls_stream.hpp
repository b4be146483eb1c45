// One outbound TLS connection that only writes. OpenSSL stays in the .cpp.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "collector/forward/watchdog.hpp"
#include "include/util/result.hpp"

namespace plumbline::collector {

struct TlsStreamOptions {
  std::string host;
  std::string port;
  std::string ca_file;           ///< PEM; "" = the system's
  std::string certificate_file;  ///< of our own; "" = none is shown
  std::string key_file;
  std::chrono::milliseconds timeout = std::chrono::seconds(10);  ///< of each call below
};

/// TLS 1.2 or later, the peer's name verified. Files are read at each connect(). One thread; cancel() is for any.
class TlsStream {
 public:
  TlsStream(TlsStreamOptions options, std::shared_ptr<Watchdog> watchdog);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  /// Ends what there is, and connects. With TLS 1.3 it waits a moment for the peer's first word, as a peer that refuses
  /// our certificate says so only after the handshake. `corrupt`: a file cannot be used. `unavailable`: anything else.
  Result<void> connect();
  /// Writes all of it, and waits until the peer's kernel has acknowledged it. After an error the connection is ended.
  Result<void> write(std::string_view bytes);
  /// Connected, and the peer has neither ended nor reset it, as far as anybody knows.
  bool alive();
  /// Tells the peer that this is the end.
  void close();
  /// Makes a call under way, and all later ones, return soon.
  void cancel() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace plumbline::collector
