// What the callback plugin that we ship recorded of Ansible's runs (integrations/ansible): Ansible itself keeps no
// state.
#pragma once

#include <string_view>

#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

/// The record of one host, {"format": "plumbline-ansible", "version": 1, "host", "run": {"id", "updated_at", …},
/// "files": [{"path", "state", "checksums": {"sha256", "sha1"}, "mode", "owner", "group", "link_target", "sensitive",
/// "module", "playbook", "play", "role", "task", …}], "left_out": [{"path", "why"}]}; integrations/ansible/README.md
/// tells each field. Paths are written as findings write them ("\xNN" for a byte that is not UTF-8).
///
/// Each path is a resource "ansible:<source>/<path>", its type the full name of the module that spoke last of it, and a
/// file. Content is compared where the record has the SHA-256. Where it has Ansible's SHA-1 only, or none, the rest is
/// compared and a skip line gives the plugin's reason; so for files of tasks under no_log, of which the plugin tells
/// nothing but that they are there. What the plugin left out is skipped with its reason. Revision: id and time of the
/// run that wrote last.
Result<void> read_ansible(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out);

}  // namespace plumbline::baseline
