// File resources of Puppet, whichever of its files tells of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "baseline/builder.hpp"
#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

/// What is declared of one; "" where a parameter is not. Texts as in the manifest.
struct PuppetFile {
  std::string address;
  std::string path;    ///< absolute and normal
  std::string ensure;  ///< "file", "directory", "absent", …, or the target of a link
  std::string target, mode, owner, group;
  bool has_content = false;       ///< `content` or `source` is declared
  std::optional<Sha256> content;  ///< where it is known
  bool mode_is_final = false;     ///< digits in `mode` are the bits as applied, whatever the kind of file
  bool sensitive = false;
};

/// Hands the file to `out`; what of it cannot be compared is skipped with the reason. The rules are those of
/// lib/puppet/type/file.rb: `target` makes a link, `content` and `source` a file; the mode of a symlink is not managed;
/// `false` is `absent`; any other word for `ensure` is the target of a link.
void emit_puppet_file(const PuppetFile& file, const Keys& keys, Builder& out);

/// The path that `text` names, without the slashes at its end; nullopt where it is no absolute path of a Unix node.
std::optional<std::string> puppet_path(std::string_view text);

/// "puppet:<source>/File[/etc/app.conf]". A title that is long or not printable (a script of an Exec) is cut and gets a
/// part of its digest; one that looks like a secret gives nullopt.
std::optional<std::string> puppet_address(const SourceSpec& spec, std::string_view type, std::string_view title);

}  // namespace plumbline::baseline
