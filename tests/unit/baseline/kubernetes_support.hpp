// What the tests of the readers of Kubernetes and Helm share.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "baseline/source/helm.hpp"
#include "baseline/source/kubernetes.hpp"

namespace plumbline::baseline::kubernetes_test {

inline const KeyedHash key(std::array<std::byte, 32>{});
inline const Fingerprinter fingerprints(key);
inline const Keys keys{key, fingerprints};

inline std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline Result<Baseline> read(std::string_view text) {
  BaselineBuilder out;
  if (auto ok = read_kubernetes({"s", "kubernetes", "/srv/k.yaml"}, text, keys, out); !ok) return ok.error();
  return out.take();
}
inline std::string error_of(std::string_view text) {
  const auto result = read(text);
  return result ? "(accepted)" : result.error().message();
}

inline const Resource* find(const Baseline& of, const std::string& address) {
  for (const auto& resource : of.resources)
    if (resource.address == address) return &resource;
  return nullptr;
}
inline const Attribute* attribute(const Resource& of, const std::string& path) {
  for (const auto& attribute : of.attributes)
    if (attribute.path == path) return &attribute;
  return nullptr;
}
/// The canonical value as it is shown, "(none)", "(secret)".
inline std::string value(const Resource& of, const std::string& path) {
  const auto* found = attribute(of, path);
  return found == nullptr ? "(none)" : found->sensitive ? "(secret)" : found->value;
}
inline std::string skips_of(const Baseline& of) {
  std::string all;
  for (const auto& skipped : of.skipped) all += skipped.address + ": " + skipped.why + "\n";
  return all;
}
/// All that could leave the reader, as text.
inline std::string all_of(const Baseline& of) {
  std::string all = skips_of(of);
  for (const auto& [name, text] : of.revision) all += name + text + "\n";
  for (const auto& resource : of.resources) {
    all += resource.address + "\n";
    for (const auto& id : resource.ids) all += id + "\n";
    for (const auto& path : resource.ignored) all += path + "\n";
    for (const auto& attribute : resource.attributes) all += attribute.path + "=" + attribute.value + "\n";
  }
  for (const auto& file : of.files) all += file.path + file.content.value_or("") + "\n";
  return all;
}

}  // namespace plumbline::baseline::kubernetes_test
