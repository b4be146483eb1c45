#include "collector/telemetry/metrics.hpp"

#include <cstdio>

namespace plumbline::collector {
namespace {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", value);
  return text;
}

}  // namespace

void MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = "plumbline_collector_" + std::string(name);
  text_ += "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ + " " + std::string(type) + "\n";
}

void MetricsText::sample(double value, Labels labels, std::string_view suffix) {
  text_ += name_ + std::string(suffix);
  char separator = '{';
  for (const auto& [key, label] : labels) {
    text_ += separator;
    separator = ',';
    text_ += std::string(key) + "=\"";
    for (const char c : label) {
      if (c == '\\' || c == '"') text_ += '\\';
      text_ += c == '\n' ? ' ' : c;
    }
    text_ += '"';
  }
  if (separator == ',') text_ += '}';
  text_ += ' ' + number(value) + '\n';
}

void Histogram::observe(double seconds) {
  std::size_t bucket = 0;
  while (bucket < bounds.size() && seconds > bounds[bucket]) ++bucket;
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  nanoseconds_.fetch_add(static_cast<std::uint64_t>(seconds * 1e9), std::memory_order_relaxed);
}

void Histogram::write(MetricsText& out, std::string_view name, std::string_view help) const {
  out.family(name, "histogram", help);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    total += counts_[i].load(std::memory_order_relaxed);
    out.sample(static_cast<double>(total), {{"le", i < bounds.size() ? number(bounds[i]) : "+Inf"}}, "_bucket");
  }
  out.sample(static_cast<double>(nanoseconds_.load(std::memory_order_relaxed)) / 1e9, {}, "_sum");
  out.sample(static_cast<double>(total), {}, "_count");
}

}  // namespace plumbline::collector
