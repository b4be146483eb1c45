#include "collector/keys/shared_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::collector {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr KeysInUse all{true, true, true};

class SharedKeys : public ::testing::Test {
 protected:
  SharedKeys() { EXPECT_THAT(make_shared_keys(folder_).value(), SizeIs(7)); }
  std::string why(const KeysInUse& in_use = all) const {
    const auto read = fingerprints_of(folder_, in_use);
    return read ? "fine" : read.error().message();
  }
  const TempDir dir_;
  const std::string folder_ = dir_ / "keys";
};

TEST_F(SharedKeys, are_made_once_and_for_their_owner_alone) {
  const auto before = fingerprints_of(folder_, all).value();
  EXPECT_THAT(before, SizeIs(4));
  EXPECT_THAT(make_shared_keys(folder_).value(), IsEmpty());
  EXPECT_EQ(fingerprints_of(folder_, all).value(), before) << "nothing is made over what is there";
  for (const auto& file : std::filesystem::directory_iterator(folder_)) {
    struct stat status{};
    ASSERT_EQ(::stat(file.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << file.path();
  }
  const auto node = fetch::read_node_key(folder_ + "/node.key");
  ASSERT_TRUE(node) << node.error().message();
  EXPECT_EQ(node->hash, read_shelf_keys(folder_)->hash);
}

TEST_F(SharedKeys, are_told_from_others_by_what_is_no_secret) {
  const auto ours = fingerprints_of(folder_, all).value();
  ASSERT_TRUE(make_shared_keys(dir_ / "others"));
  const auto others = fingerprints_of(dir_ / "others", all).value();
  for (const auto& [name, fingerprint] : ours) {
    EXPECT_THAT(fingerprint, SizeIs(64)) << name;
    EXPECT_NE(fingerprint, others.at(name)) << name;
  }
  const auto keys = read_shelf_keys(folder_).value();
  for (const auto& [name, fingerprint] : ours) {
    EXPECT_NE(fingerprint, to_hex(keys.hash)) << name;
    EXPECT_NE(fingerprint, to_hex(keys.signing)) << name;
  }
  std::filesystem::copy(folder_, dir_ / "copy");
  EXPECT_EQ(fingerprints_of(dir_ / "copy", all).value(), ours);
  EXPECT_THAT(fingerprints_of(folder_, {.nodes_authority = true}).value(), SizeIs(1)) << "what is not used is not read";
}

TEST_F(SharedKeys, that_cannot_be_used_are_told_by_their_file) {
  ASSERT_EQ(::chmod((folder_ + "/hash.key").c_str(), 0604), 0);
  EXPECT_THAT(why(), HasSubstr("chmod o= " + folder_ + "/hash.key"));
  ASSERT_EQ(::chmod((folder_ + "/hash.key").c_str(), 0440), 0);
  EXPECT_EQ(why(), "fine") << "kubelet gives a Secret's files to a group";
  std::filesystem::rename(folder_ + "/signing.key", folder_ + "/away");
  EXPECT_THAT(why(), HasSubstr(folder_ + "/signing.key"));
  EXPECT_THAT(why(), HasSubstr("--make-keys"));
  EXPECT_EQ(why({.nodes_authority = true, .server_authority = true}), "fine");
  std::filesystem::create_symlink("away", folder_ + "/signing.key");
  EXPECT_EQ(why(), "fine") << "kubelet's files are links";
  std::filesystem::resize_file(folder_ + "/away", 31);
  EXPECT_THAT(why(), HasSubstr("exactly 32 bytes"));
  std::filesystem::copy_file(folder_ + "/server-ca.key", folder_ + "/nodes-ca.key",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(why(), HasSubstr("nodes-ca.key and nodes-ca.pem are damaged, or do not belong together"));
  std::filesystem::remove(folder_ + "/nodes-ca.key");
  EXPECT_EQ(make_shared_keys(folder_).error().code, ErrorCode::corrupt) << "half an authority is not made whole";
}

}  // namespace
}  // namespace plumbline::collector
