#include "fetch/file_origin.hpp"

#include <sys/stat.h>

#include <cerrno>

namespace plumbline::fetch {
namespace {

class FileOrigin final : public Origin {
 public:
  explicit FileOrigin(std::string path) : path_(std::move(path)) {}

  Result<Fetched> fetch(const std::string& known,
                        const std::function<Result<void>(std::string_view bytes)>& take) override {
    // Before it is read: what is written meanwhile makes another version.
    const std::string version = file_version(path_);
    if (version.empty()) return io_error("read " + path_, errno, "check the path and its permissions");
    if (version == known) return Fetched{true, known};
    if (auto taken = take(std::string_view()); !taken) return taken.error();
    return Fetched{false, version};
  }

 private:
  const std::string path_;
};

std::string text_of(const timespec& time) {
  return std::to_string(time.tv_sec) + "." + std::to_string(time.tv_nsec);
}

}  // namespace

std::string file_version(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return "";
  return std::to_string(status.st_dev) + " " + std::to_string(status.st_ino) + " " + std::to_string(status.st_size) +
         " " + text_of(status.st_mtim) + " " + text_of(status.st_ctim);
}

std::unique_ptr<Origin> make_file_origin(std::string path) {
  return std::make_unique<FileOrigin>(std::move(path));
}

}  // namespace plumbline::fetch
