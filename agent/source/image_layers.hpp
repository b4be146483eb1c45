// What the image of a running container holds at a path, whatever the container made of it: the lower layers of its
// overlayfs, read on the host.
#pragma once

#include <string>
#include <vector>

#include "agent/source/host_mounts.hpp"
#include "include/util/fd.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// Where the layers of an overlay lie, the topmost first, by its mount's options (ovl_show_options(), fs/overlayfs/).
/// Runtimes give relative ones where many would not fit into a page: containerd below the folder of all snapshots,
/// podman below that of all layers, which `rootfs` (of podman: BASE/ID/merged) tells. Empty: the options name none.
std::vector<std::string> layers_of(const std::string& options, const std::string& rootfs);

/// Holds the layers open: for the moment of a look.
class ImageLayers {
 public:
  /// `root`: the container's, and `runtime` what mounted it: ContainerRoot's root_mount() and runtime_process().
  /// Errors: `unsupported`: what the image holds is not kept apart from what the container made of it, or may not be
  /// looked at, and why.
  static Result<ImageLayers> open(const std::string& runtime, const HostMount& root, const std::string& rootfs);
  /// As open(), of folders that are known.
  static Result<ImageLayers> open(const std::vector<std::string>& folders, bool knows_opaque);

  struct Found {
    Fd file;  ///< O_PATH; none: the image has nothing there
    /// False: a layer above may hide it, or it may hide others: whether a folder is opaque is an attribute
    /// (trusted.overlay.opaque) that only CAP_SYS_ADMIN shows.
    bool is_certain = true;
  };
  /// `path` is absolute; symlinks before its last component are followed within the image.
  Result<Found> find(const std::string& path) const;

 private:
  struct Folder {
    Fd fd;
    bool is_certain = true;
  };
  enum class Opaque { no, yes, unknown };
  struct Entry {
    std::vector<Folder> folders;  // it is one folder, merged of these
    Found other;                  // it is none
  };
  Opaque opaque(int fd) const;
  Result<Entry> entry(const std::vector<Folder>& merged, const std::string& name) const;

  std::vector<Folder> layers_;
  bool knows_opaque_ = false;
};

}  // namespace plumbline::agent
