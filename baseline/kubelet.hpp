// Where kubelet has the volumes of a node's pods.
#pragma once

#include <optional>
#include <string_view>

namespace plumbline::baseline {

/// The location of a source of kind kubernetes that is the pods of this node. Three slashes: no namespace stands there.
inline constexpr std::string_view pods_location = "kubernetes:///pods";

/// The folders of a file in a pod's volume; views into its path.
struct VolumeFolders {
  std::string_view pod;     ///< "/var/lib/kubelet/pods/<uid>"
  std::string_view volume;  ///< "/var/lib/kubelet/pods/<uid>/volumes/<plugin>/<volume>"
};

/// nullopt where `path` is no file in a volume below `kubelet_dir`.
inline std::optional<VolumeFolders> volume_folders(std::string_view kubelet_dir, std::string_view path) {
  constexpr std::string_view pods = "/pods/", volumes = "volumes/";
  if (!path.starts_with(kubelet_dir) || !path.substr(kubelet_dir.size()).starts_with(pods)) return std::nullopt;
  const auto uid = path.find('/', kubelet_dir.size() + pods.size());
  if (uid == std::string_view::npos || !path.substr(uid + 1).starts_with(volumes)) return std::nullopt;
  const auto plugin = path.find('/', uid + 1 + volumes.size());
  const auto volume = plugin == std::string_view::npos ? plugin : path.find('/', plugin + 1);
  if (volume == std::string_view::npos) return std::nullopt;
  return VolumeFolders{path.substr(0, uid), path.substr(0, volume)};
}

}  // namespace plumbline::baseline
