#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace plumbline {

/// Appends one metric without labels in Prometheus' text format (0.0.4): help, type and its one sample. `name` whole;
/// `type`: "counter" or "gauge".
inline void append_metric(std::string& text, std::string_view name, std::string_view type, std::string_view help,
                          std::uint64_t value) {
  text.append("# HELP ").append(name).append(" ").append(help);
  text.append("\n# TYPE ").append(name).append(" ").append(type);
  text.append("\n").append(name).append(" ").append(std::to_string(value)).append("\n");
}

}  // namespace plumbline
