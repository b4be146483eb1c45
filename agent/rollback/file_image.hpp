// A managed file as a whole: all of it that a rollback keeps and puts back.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "include/util/fd.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// What stands at a path. May hold secrets: its content is cleared with it.
struct FileImage {
  enum class Kind { missing, regular, symlink };
  Kind kind = Kind::missing;
  std::string content;     ///< of a regular file
  std::string target;      ///< of a symlink
  std::uint32_t mode = 0;  ///< permission bits, 07777; of a regular file
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  /// Extended attributes by name: a POSIX ACL (system.posix_acl_access), SELinux' label and capabilities (security.*),
  /// and the user's own. What the agent may not read is not there.
  std::map<std::string, std::string> attributes;

  FileImage() = default;
  FileImage(const FileImage&) = default;
  FileImage& operator=(const FileImage&) = default;
  FileImage(FileImage&&) = default;
  FileImage& operator=(FileImage&&) = default;
  ~FileImage();
  bool operator==(const FileImage&) const = default;
};

/// A name in a folder that is held open, so that nobody moves the folder away between two looks at it.
class Place {
 public:
  /// `root`: a folder that is never left ("/" of the host or of a container). `path`: absolute below it. A symlink on
  /// the way is refused (`unsupported`), as whoever can make one there would choose which file is written.
  static Result<Place> open(int root, const std::string& path);

  /// Another name in the same folder.
  Place beside(const std::string& name) const;

  int folder() const { return folder_->get(); }
  const std::string& name() const { return name_; }
  /// What the path was when it was opened; for messages and for commands that take a path.
  const std::string& path() const { return path_; }

 private:
  Place(std::shared_ptr<const Fd> folder, std::string name, std::string path)
      : folder_(std::move(folder)), name_(std::move(name)), path_(std::move(path)) {}

  std::shared_ptr<const Fd> folder_;
  std::string name_;
  std::string path_;
};

/// An image, and the very inode that it is of.
struct Standing {
  FileImage image;
  Fd inode;                      ///< O_PATH; none where nothing is there
  std::uint64_t number = 0;      ///< inode number; 0 = nothing is there
  std::uint32_t device[2] = {};  ///< major, minor
  bool is_mounted = false;       ///< by itself (a bind mount): no rename can replace it
};

/// Reads what stands at `place`; symlinks are not followed. `unsupported`: it is no file that can be put back safely,
/// or there is more than one name for it; `unavailable`: it is larger than `max_bytes`, or changed while it was read.
Result<Standing> look(const Place& place, std::uint64_t max_bytes);

}  // namespace plumbline::agent
