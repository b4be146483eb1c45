#include "collector/forward/format.hpp"

#include "collector/forward/ecs.hpp"
#include "collector/forward/ocsf.hpp"

namespace plumbline::collector {

std::optional<Format> format_of(std::string_view word) {
  if (word == "ocsf") return Format::ocsf;
  if (word == "ecs") return Format::ecs;
  if (word == "plumbline") return Format::plumbline;
  return std::nullopt;
}

std::vector<std::string> format_words() {
  return {"ocsf", "ecs", "plumbline"};
}

std::string document(Format format, const LedgerRecord& record, const Alert& alert) {
  switch (format) {
    case Format::ocsf:
      return ocsf_finding(record, alert);
    case Format::ecs:
      return ecs_document(record, alert);
    case Format::plumbline:
      break;
  }
  return record.body;
}

std::string document(Format format, const LedgerRecord& record) {
  return format == Format::plumbline ? record.body : document(format, record, alert_of(record));
}

}  // namespace plumbline::collector
