// `write_files` of cloud-config as files (cloudinit/config/cc_write_files.py).
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <deque>
#include <string_view>

#include "baseline/builder.hpp"
#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

/// The key that stands for "content" of which the YAML tag !!binary was taken off, so that it can be told from text.
inline constexpr std::string_view binary_content = "content!!binary";

struct WriteFilesEntry {
  simdjson::dom::element entry;
  bool binary_elsewhere = false;  ///< its part has !!binary at a place where it could not be replaced
};

/// The resources and files of all entries, in the order in which cloud-init works on them.
void emit_write_files(const SourceSpec& spec, const std::deque<WriteFilesEntry>& entries, const Keys& keys,
                      Builder& out);

/// The mode that `permissions` stands for (decode_perms): a number as it is, text as octal, 0644 for what is neither.
std::uint32_t write_files_mode(simdjson::dom::object entry);

}  // namespace plumbline::baseline
