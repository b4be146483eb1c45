// In which words a sink tells of a record, where it has the choice. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/forward/alert.hpp"
#include "collector/store/store.hpp"

namespace plumbline::collector {

enum class Format {
  ocsf,       ///< ocsf.hpp
  ecs,        ///< ecs.hpp
  plumbline,  ///< the record's own body, as the agent wrote it
};

/// The words of `format:` in collector.yaml.
std::optional<Format> format_of(std::string_view word);
std::vector<std::string> format_words();

/// One JSON object without a newline. To read the record costs half of it: who has the alert gives it.
std::string document(Format format, const LedgerRecord& record);
std::string document(Format format, const LedgerRecord& record, const Alert& alert);

}  // namespace plumbline::collector
