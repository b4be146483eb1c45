#include "agent/rollback/image_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/rollback/image_bytes.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::array<std::byte, 32> key_of(int seed) {
  std::array<std::byte, 32> key{};
  key.fill(static_cast<std::byte>(seed));
  return key;
}

FileImage regular(const std::string& content) {
  FileImage image;
  image.kind = FileImage::Kind::regular;
  image.content = content;
  image.mode = 04640;
  image.uid = 7;
  image.gid = 8;
  image.attributes = {{"user.note", std::string("a\0b", 3)}};
  return image;
}

std::string slurp(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

class ImageStoreTest : public ::testing::Test {
 protected:
  ImageStore open(int seed = 1, std::uint64_t bytes = 1 << 20) {
    auto store = ImageStore::open(dir_ / "images", key_of(seed), {bytes});
    if (!store) throw std::runtime_error(store.error().message());
    return std::move(*store);
  }
  std::vector<std::string> files() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(dir_ / "images")) all.push_back(entry.path());
    return all;
  }
  TempDir dir_;
};

TEST_F(ImageStoreTest, gives_back_what_was_put_after_a_restart_too) {
  FileImage link;
  link.kind = FileImage::Kind::symlink;
  link.target = "releases/7";
  {
    auto store = open();
    ASSERT_TRUE(store.put("/etc/a", regular("port 80\n")));
    ASSERT_TRUE(store.put("/etc/link", link));
    ASSERT_TRUE(store.put("/etc/none", FileImage{}));
  }
  auto store = open();
  EXPECT_EQ(*store.get("/etc/a"), regular("port 80\n"));
  EXPECT_EQ(*store.get("/etc/link"), link);
  EXPECT_EQ(*store.get("/etc/none"), FileImage{});
  EXPECT_EQ(store.get("/etc/other").error().code, ErrorCode::not_found);
  EXPECT_TRUE(store.has("/etc/a"));
  EXPECT_FALSE(store.has("/etc/other"));
}

TEST_F(ImageStoreTest, nothing_of_it_shows_on_disk) {
  auto store = open();
  ASSERT_TRUE(store.put("/etc/shadow-of-mine", regular("password=hunter2-hunter2")));
  ASSERT_EQ(files().size(), 1U);
  const std::string path = files().front();
  EXPECT_THAT(path, Not(HasSubstr("shadow")));
  EXPECT_THAT(slurp(path), Not(HasSubstr("hunter2")));
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
}

TEST_F(ImageStoreTest, takes_no_image_for_another_ones_nor_a_changed_one) {
  auto store = open();
  ASSERT_TRUE(store.put("/a", regular("a")));
  const std::string of_a = files().front();
  ASSERT_TRUE(store.put("/b", regular("b")));
  for (const auto& path : files())
    if (path != of_a) std::filesystem::copy_file(of_a, path, std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(store.get("/b").error().code, ErrorCode::corrupt);

  const std::string whole = slurp(of_a);
  for (std::size_t i = 0; i < whole.size(); i += 7) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    std::ofstream(of_a, std::ios::binary | std::ios::trunc) << changed;
    EXPECT_EQ(store.get("/a").error().code, ErrorCode::corrupt) << i;
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{4}, std::size_t{31}, whole.size() - 1}) {
    std::ofstream(of_a, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    EXPECT_EQ(store.get("/a").error().code, ErrorCode::corrupt) << size;
  }
}

TEST_F(ImageStoreTest, another_install_key_opens_nothing_and_says_so) {
  {
    auto store = open(1);
    ASSERT_TRUE(store.put("/a", regular("a")));
  }
  auto store = open(2);
  const auto got = store.get("/a");
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().message(), HasSubstr("another key of this install"));
  ASSERT_TRUE(store.put("/a", regular("a")));
  EXPECT_TRUE(store.get("/a"));
}

TEST_F(ImageStoreTest, makes_room_by_the_oldest_and_counts_it) {
  auto store = open(1, 3000);
  const std::string kilobyte(1000, 'x');
  ASSERT_TRUE(store.put("/1", regular(kilobyte)));
  ASSERT_TRUE(store.put("/2", regular(kilobyte)));
  ASSERT_TRUE(store.put("/1", regular(kilobyte + "!"))) << "now the younger one";
  EXPECT_EQ(store.evicted(), 0U);
  ASSERT_TRUE(store.put("/3", regular(kilobyte)));
  EXPECT_EQ(store.evicted(), 1U);
  EXPECT_FALSE(store.has("/2"));
  EXPECT_EQ(store.get("/2").error().code, ErrorCode::not_found);
  EXPECT_TRUE(store.get("/1"));
  EXPECT_LE(store.bytes(), 3000U);
  const auto refused = store.put("/4", regular(std::string(4000, 'x')));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("store_bytes"));
  EXPECT_TRUE(store.has("/1")) << "nothing went for what has no room anyway";
}

TEST_F(ImageStoreTest, lets_go_of_what_is_old_and_of_half_puts) {
  {
    auto store = open();
    ASSERT_TRUE(store.put("/a", regular("a")));
  }
  dir_.write("images/0123.new", "half");
  auto store = open();
  EXPECT_EQ(files().size(), 1U);
  EXPECT_EQ(store.remove_older(1), 0U);
  EXPECT_EQ(store.remove_older(SystemClock{}.wall() + 1), 1U);
  EXPECT_EQ(store.bytes(), 0U);
  EXPECT_TRUE(files().empty());
}

TEST(ImageBytes, are_read_back_and_nothing_else_is) {
  const std::string whole = bytes_of(regular("content"));
  EXPECT_EQ(*image_of(whole), regular("content"));
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(image_of(whole.substr(0, size))) << size;
  EXPECT_FALSE(image_of(whole + "x"));
  std::string kind = whole;
  kind[8] = 3;
  EXPECT_FALSE(image_of(kind));
}

}  // namespace
}  // namespace plumbline::agent
