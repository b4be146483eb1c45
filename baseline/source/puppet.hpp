// What a Puppet agent keeps on its node: the catalog it was given, and the values it applied last.
#pragma once

#include <string_view>

#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

/// A catalog in JSON: the agent's cached one ($client_datadir/catalog/<certname>.json, by default below
/// /opt/puppetlabs/puppet/cache or /var/cache/puppet), what `puppet catalog compile --render-as json` prints, or a
/// server's. catalog_format 2 of Puppet 5 to 8 (lib/puppet/resource/catalog.rb, resource.rb), rich data
/// (lib/puppet/pops/serialization) and the {"document_type": "Catalog", "data"} of PSON included.
///
/// Every resource becomes one, "puppet:<source>/Type[title]", with its parameters less Puppet's own (require, tag, …).
/// Secret are: `sensitive_parameters`, Sensitive values, `environment` of an Exec, content of files under
/// `show_diff => false`. Exported resources are for other nodes and skipped.
///
/// File: `content` (text or Binary) gives the digest; `source` does with the metadata of a static catalog (recursive
/// ones too: each file below becomes one of the resource's), or with `checksum_value` under sha256. Modes: puppet_mode.
/// Links, absence: puppet_file.hpp. Not compared, each with a skip line: content under `replace => false`, deferred
/// content, `source` without metadata, everything under `noop => true` and `links => follow`.
/// Revision: catalog_uuid, version, environment.
Result<void> read_puppet_catalog(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out);

/// transactionstore.yaml ($statedir, Puppet 4.7 and later; lib/puppet/transaction/persistence.rb,
/// resource_harness.rb): for each resource the `system_value` of each property that is not sensitive. That is the value
/// applied last, or, where that failed or was a noop, the one found then. It has no titles' paths, so a File whose
/// title is no path is skipped; content is a digest, compared where it is SHA-256. It has no revision of its own: that
/// is `content`, a keyed hash of the file.
Result<void> read_puppet_state(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out);

}  // namespace plumbline::baseline
