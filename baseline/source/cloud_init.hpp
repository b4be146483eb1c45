// cloud-init: the files that user data writes on this machine.
#pragma once

#include <string_view>

#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

/// User or vendor data as cloud-init (22.4 and later) keeps it below /var/lib/cloud/instance: user-data.txt (as given),
/// cloud-config.txt (all parts merged, includes and templates resolved: the better source where it is there), and the
/// same as given to a cloud API: #cloud-config, #cloud-config-archive, a MIME message, any of them in gzip, all of it
/// in base64. Facts: cloudinit/user_data.py, handlers/cloud_config.py, mergers/, config/cc_write_files.py, util.py.
///
/// Each path of `write_files` is a resource "cloud-init:<source>/write_files[<path>]" and a file. Content is always
/// kept as a keyed hash, since user data is where people put secrets. Mode, owner and group are always known: 0644
/// and root:root where nothing is said. Several entries of one path: the last one counts; `append` to an earlier one
/// adds up, to a file of somebody else leaves the content open. `defer` entries come after all others. Content behind
/// `source.uri` is open.
///
/// Several parts: cloud-init's own rule is that `write_files` of a later part *replaces* that of an earlier one. Of
/// merge_how, merge_type and the header Merge-Type these are followed: dict(replace | no_replace, recurse_list) and
/// list(append | prepend | replace | no_replace). Any other way of merging, and JSON patches, leave open what
/// write_files is in the end: then all its entries are skipped.
///
/// Skipped with the reason: scripts, includes, templates with marks in them, other parts, other keys of cloud-config
/// (one line with their names), entries that cloud-init cannot write either. Refused: what is no user data, a message
/// or gzip that is cut off, YAML that cannot be read (a key twice included, of which cloud-init takes the last).
///
/// Revision: `content`, a keyed hash of the bytes, and `instance_id` where the path shows it (…/instances/<id>/…).
Result<void> read_cloud_init(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out);

}  // namespace plumbline::baseline
