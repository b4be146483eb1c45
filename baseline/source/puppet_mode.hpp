#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace plumbline::baseline {

enum class PuppetShape {
  file,
  directory,
  either,  ///< the source does not say; both must come to the same
};

/// The permission bits of a File resource's `mode` (lib/puppet/type/file/mode.rb, util/symbolic_file_mode.rb): octal
/// digits, of which Puppet adds to directories an x wherever there is an r (0644 → 0755), or symbolic ("u=rw,go=r").
/// Symbolic modes leave the bits alone that they do not name; only one that fixes all of them has a value, whereby a
/// file's setuid, setgid and sticky bits count as off where it does not name them. nullopt for all others, and for what
/// is no mode at all.
std::optional<std::uint32_t> puppet_mode(std::string_view text, PuppetShape shape);

}  // namespace plumbline::baseline
