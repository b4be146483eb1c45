#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "collector/forward/sink.hpp"
#include "collector/forward/tls_stream.hpp"
#include "include/util/clock.hpp"

namespace plumbline::collector {

enum class SyslogFormat {
  json,  ///< OCSF
  cef,
  leef,
};

struct SyslogOptions {
  TlsStreamOptions tls;  ///< port 6514 where none is given
  SyslogFormat format = SyslogFormat::json;
  std::uint32_t facility = 13;             ///< "log audit" of RFC 5424
  std::uint64_t max_message_bytes = 8192;  ///< what every receiver of RFC 5425 should take; longer ones are shortened
  std::size_t resend = 1000;               ///< frames of the last minute that are sent again after a broken connection
};

/// RFC 5424 over TLS, counted octets (RFC 5425). Syslog knows no acknowledgement: a record counts as delivered when the
/// receiver's kernel has it, and the last `resend` frames of the last minute are sent again when the connection breaks.
/// Errors: files that cannot be used.
Result<std::unique_ptr<Sink>> make_syslog_sink(const SyslogOptions& options, std::shared_ptr<Watchdog> watchdog);

/// "MSG-LEN SP SYSLOG-MSG"; "" where it cannot be made to fit. Exposed for tests.
std::string syslog_frame(const LedgerRecord& record, const SyslogOptions& options);

}  // namespace plumbline::collector
