#include "agent/source/image_layers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(LayersOf, are_read_in_every_form_that_runtimes_give_them) {
  EXPECT_THAT(layers_of("rw,lowerdir=/s/2/fs:/s/1/fs,upperdir=/s/3/fs,workdir=/s/3/work", ""),
              ElementsAre("/s/2/fs", "/s/1/fs"));
  EXPECT_THAT(layers_of("ro,lowerdir+=/a,lowerdir+=/b,upperdir=/u/x/fs", ""), ElementsAre("/a", "/b")) << "since 6.8";
  EXPECT_THAT(layers_of("rw,lowerdir=/a\\:b:/c\\,d", ""), ElementsAre("/a:b", "/c,d"));
  EXPECT_THAT(layers_of("rw,lowerdir=2/fs:1/fs,upperdir=/var/s/3/fs,workdir=/var/s/3/work", "/elsewhere/x/rootfs"),
              ElementsAre("/var/s/2/fs", "/var/s/1/fs"))
      << "containerd's, where there are many";
  EXPECT_THAT(layers_of("rw,lowerdir=l/AB:l/CD,upperdir=f00/diff,workdir=f00/work", "/var/o/f00/merged"),
              ElementsAre("/var/o/l/AB", "/var/o/l/CD"))
      << "podman's, where there are many";
  EXPECT_THAT(layers_of("rw,relatime", "/x"), IsEmpty());
}

class ImageLayersTest : public ::testing::Test {
 protected:
  ImageLayersTest() {
    for (const char* layer : {"top", "middle", "base"}) fs::create_directory(dir_ / layer);
  }
  ImageLayers layers(bool knows_opaque = true) {
    return ImageLayers::open({dir_ / "top", dir_ / "middle", dir_ / "base"}, knows_opaque).value();
  }
  /// "content", "(none)", with "?" where it is not certain.
  std::string at(const std::string& path, bool knows_opaque = true) {
    const auto found = layers(knows_opaque).find(path);
    if (!found) return found.error().why;
    std::string says = "(none)";
    struct stat status{};
    if (found->file && ::fstat(found->file.get(), &status) == 0) {
      std::ifstream file("/proc/self/fd/" + std::to_string(found->file.get()));
      says = S_ISREG(status.st_mode)   ? std::string(std::istreambuf_iterator<char>(file), {})
             : S_ISDIR(status.st_mode) ? "(folder)"
                                       : "(other)";
    }
    return says + (found->is_certain ? "" : "?");
  }
  void whiteout(const std::string& path) {
    fs::create_directories(fs::path(dir_ / path).parent_path());
    ASSERT_EQ(::mknod((dir_ / path).c_str(), S_IFCHR, ::makedev(0, 0)), 0) << std::strerror(errno);
  }
  TempDir dir_;
};

TEST_F(ImageLayersTest, the_topmost_layer_that_has_it_counts) {
  dir_.write("base/etc/a", "old");
  dir_.write("middle/etc/a", "new");
  dir_.write("base/etc/b", "b");
  EXPECT_EQ(at("/etc/a"), "new");
  EXPECT_EQ(at("/etc/b"), "b");
  EXPECT_EQ(at("/etc/none"), "(none)");
  EXPECT_EQ(at("/none/b"), "(none)");
  EXPECT_EQ(at("/etc/a/b"), "(none)");
  EXPECT_EQ(at("/etc"), "(folder)");
}

TEST_F(ImageLayersTest, what_a_layer_removed_is_not_there) {
  dir_.write("base/etc/a", "old");
  dir_.write("base/opt/x/y", "y");
  whiteout("middle/etc/a");
  whiteout("top/opt/x");
  EXPECT_EQ(at("/etc/a"), "(none)");
  EXPECT_EQ(at("/opt/x/y"), "(none)");
}

TEST_F(ImageLayersTest, a_file_hides_the_folder_below_and_the_other_way_round) {
  dir_.write("base/a/b", "b");
  dir_.write("middle/a", "file");
  dir_.write("base/c", "file");
  dir_.write("middle/c/d", "d");
  EXPECT_EQ(at("/a"), "file");
  EXPECT_EQ(at("/a/b"), "(none)");
  EXPECT_EQ(at("/c/d"), "d");
}

TEST_F(ImageLayersTest, an_opaque_folder_hides_those_below) {
  dir_.write("base/etc/a", "old");
  dir_.write("middle/etc/b", "b");
  if (::setxattr((dir_ / "middle/etc").c_str(), "user.overlay.opaque", "y", 1, 0) != 0)
    GTEST_SKIP() << "no user attributes here: " << std::strerror(errno);
  EXPECT_EQ(at("/etc/a"), "(none)");
  EXPECT_EQ(at("/etc/b"), "b");
}

TEST_F(ImageLayersTest, what_a_folder_above_may_hide_is_not_certain) {
  dir_.write("base/etc/a", "old");
  dir_.write("middle/etc/b", "b");
  EXPECT_EQ(at("/etc/a", false), "old?");
  EXPECT_EQ(at("/etc/b", false), "b");
  EXPECT_EQ(at("/etc/none", false), "(none)");
}

TEST_F(ImageLayersTest, symlinks_of_the_image_stay_in_it) {
  dir_.write("base/real/a", "a");
  dir_.write("outside", "out");
  fs::create_directory_symlink("/real", dir_ / "middle/link");
  fs::create_directory_symlink("../../../../../../../..", dir_ / "middle/up");
  fs::create_directory_symlink("loop", dir_ / "middle/loop");
  fs::create_symlink(dir_ / "outside", dir_ / "middle/out");
  EXPECT_EQ(at("/link/a"), "a");
  EXPECT_EQ(at("/up/real/a"), "a");
  EXPECT_EQ(at("/up" + dir_.path() + "/outside"), "(none)");
  EXPECT_EQ(at("/out"), "(other)") << "the last one is described";
  EXPECT_THAT(at("/loop/a"), HasSubstr("loop"));
}

TEST_F(ImageLayersTest, only_overlays_keep_them_apart) {
  HostMount ext4{};
  ext4.type = "ext4";
  const auto none = ImageLayers::open("/proc/self", ext4, "/x");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message(), HasSubstr("of type ext4"));
  HostMount gone{};
  gone.type = "overlay";
  gone.root = "/some/folder";
  EXPECT_THAT(ImageLayers::open("/proc/self", gone, "/x").error().message(), HasSubstr("not its own"));
  gone.root = "/";
  gone.options = "rw,lowerdir=" + dir_ / "none";
  EXPECT_THAT(ImageLayers::open("/proc/self", gone, "/x").error().message(), HasSubstr("cannot be opened"));
}

}  // namespace
}  // namespace plumbline::agent
