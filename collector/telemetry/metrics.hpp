// Prometheus text exposition (0.0.4), written by hand: a dozen lines of format need no library.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace plumbline::collector {

/// Collects metrics into text. Names get the prefix "plumbline_collector_"; a name's samples follow one another.
class MetricsText {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string>>;

  void family(std::string_view name, std::string_view type, std::string_view help);
  void sample(double value, Labels labels = {}, std::string_view suffix = "");

  void counter(std::string_view name, std::string_view help, std::uint64_t value) {
    family(name, "counter", help);
    sample(static_cast<double>(value));
  }
  void gauge(std::string_view name, std::string_view help, double value) {
    family(name, "gauge", help);
    sample(value);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::string name_;
};

/// Seconds in fixed buckets. Thread-safe.
class Histogram {
 public:
  static constexpr std::array<double, 9> bounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5};
  void observe(double seconds);
  void write(MetricsText& out, std::string_view name, std::string_view help) const;

 private:
  std::array<std::atomic<std::uint64_t>, bounds.size() + 1> counts_{};
  std::atomic<std::uint64_t> nanoseconds_ = 0;
};

}  // namespace plumbline::collector
