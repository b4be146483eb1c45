#include "collector/forward/syslog.hpp"

#include <deque>

#include "collector/forward/cef.hpp"
#include "collector/forward/ocsf.hpp"
#include "http/client_tls.hpp"

namespace plumbline::collector {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t max_records = 200;
constexpr auto look_after = std::chrono::seconds(10);
// Longer than a vanished peer stays unnoticed (tls_stream.cpp), so that what went to it is still here.
constexpr auto resend_age = std::chrono::seconds(60);

/// RFC 5424 section 6.2.1, table 2.
std::uint32_t severity_of(wire::Severity severity) {
  switch (severity) {
    case wire::Severity::info:
      return 6;
    case wire::Severity::low:
      return 5;
    case wire::Severity::medium:
      return 4;
    case wire::Severity::high:
      return 3;
    case wire::Severity::critical:
      break;
  }
  return 2;
}

/// PRINTUSASCII of at most `max` characters, "-" for none.
std::string word_of(const std::string& text, std::size_t max) {
  std::string out;
  for (const char c : text.substr(0, max)) out += c > ' ' && c < '\x7f' ? c : '_';
  return out.empty() ? "-" : out;
}

/// RFC 5424 takes six digits of a second, not nine.
std::string time_of(WallNs at) {
  std::string text = rfc3339(at);
  if (const auto dot = text.find('.'); dot != std::string::npos && text.size() > dot + 8)
    text = text.substr(0, dot + 7) + "Z";
  return text;
}

std::string message_of(const LedgerRecord& record, const Alert& alert, SyslogFormat format, Detail detail) {
  switch (format) {
    case SyslogFormat::cef:
      return cef_line(record, alert);
    case SyslogFormat::leef:
      return leef_line(record, alert);
    case SyslogFormat::json:
      break;
  }
  return ocsf_finding(record, alert, detail);
}

class SyslogSink final : public Sink {
 public:
  SyslogSink(SyslogOptions options, std::shared_ptr<Watchdog> watchdog)
      : options_(std::move(options)), stream_(options_.tls, std::move(watchdog)) {}
  ~SyslogSink() override { stream_.close(); }

  SinkPace pace() const override { return {max_records, {}, {}, look_after}; }

  Delivery deliver(std::span<const LedgerRecord> records) override {
    if (const auto connected = connect(); !connected) return trouble_of(connected.error());
    Delivery delivery = Delivery::done(records.size());
    std::string all;
    std::vector<std::string> frames;
    for (std::size_t i = 0; i < records.size(); ++i) {
      std::string frame = syslog_frame(records[i], options_);
      if (frame.empty()) {
        delivery.exceptions.push_back({i, true, "it does not fit into max_message_bytes, however short it is made"});
        continue;
      }
      all += frame;
      frames.push_back(std::move(frame));
    }
    if (const auto written = stream_.write(all); !written) return trouble_of(written.error());
    for (auto& frame : frames) sent_.push_back({Steady::now(), std::move(frame)});
    forget_old();
    return delivery;
  }

  /// A connection that broke while nothing was sent is mended at once, not with the next record.
  Delivery refresh() override {
    forget_old();
    if (sent_.empty()) return Delivery::done(0);
    const auto connected = connect();
    return connected ? Delivery::done(0) : trouble_of(connected.error());
  }

  void cancel() noexcept override { stream_.cancel(); }

 private:
  struct Sent {
    Steady::time_point at;
    std::string frame;
  };

  Result<void> connect() {
    if (stream_.alive()) return {};
    forget_old();
    if (const auto connected = stream_.connect(); !connected) return connected.error();
    std::string again;
    for (const auto& one : sent_) again += one.frame;
    if (again.empty()) return {};
    return stream_.write(again);
  }

  void forget_old() {
    const auto oldest = Steady::now() - resend_age;
    while (sent_.size() > options_.resend || (!sent_.empty() && sent_.front().at < oldest)) sent_.pop_front();
  }

  static Delivery trouble_of(const Error& error) {
    return error.code == ErrorCode::corrupt ? Delivery::pause(error.message()) : Delivery::again(error.message());
  }

  SyslogOptions options_;
  TlsStream stream_;
  std::deque<Sent> sent_;
};

}  // namespace

std::string syslog_frame(const LedgerRecord& record, const SyslogOptions& options) {
  const Alert alert = alert_of(record);
  const std::uint32_t priority = options.facility * 8 + severity_of(alert.severity);
  // Without the byte order mark that section 6.4 asks of UTF-8 (as MSG-ANY, then): parsers of JSON, CEF and LEEF
  // stumble over it.
  const std::string head = "<" + std::to_string(priority) + ">1 " + time_of(alert.at) + " " +
                           word_of(record.node, 255) + " plumbline - " + word_of(alert.type, 32) + " - ";
  std::string message = head + message_of(record, alert, options.format, Detail::full);
  if (message.size() > options.max_message_bytes)
    message = head + message_of(record, alert, options.format, Detail::brief);
  if (message.size() > options.max_message_bytes) return "";
  return std::to_string(message.size()) + " " + message;
}

Result<std::unique_ptr<Sink>> make_syslog_sink(const SyslogOptions& options, std::shared_ptr<Watchdog> watchdog) {
  const auto& tls = options.tls;
  if (const auto fine = http::check_client_tls(tls.ca_file, tls.certificate_file, tls.key_file); !fine)
    return fine.error();
  return std::unique_ptr<Sink>(std::make_unique<SyslogSink>(options, std::move(watchdog)));
}

}  // namespace plumbline::collector
