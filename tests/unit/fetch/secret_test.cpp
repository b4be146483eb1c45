#include "fetch/secret.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::fetch {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(Secret, is_taken_copied_and_moved) {
  for (const std::string& what : {std::string("short"), std::string("a secret longer than a short string's buffer")}) {
    std::string text = what;
    Secret secret = Secret::take(text);
    EXPECT_TRUE(text.empty());
    Secret copy = secret;
    const Secret moved = std::move(secret);
    EXPECT_TRUE(secret.empty());  // NOLINT(bugprone-use-after-move): that nothing is left is the point
    EXPECT_EQ(moved.view(), what);
    copy = Secret("other");
    EXPECT_EQ(copy.view(), "other");
    EXPECT_EQ(moved.view(), what);
  }
}

TEST(Secret, leaves_nothing_where_it_was) {
  std::string text = "short";
  const char* const bytes = text.data();  // within `text`, which outlives what it held
  const Secret secret = Secret::take(text);
  EXPECT_EQ(text.data(), bytes);
  EXPECT_EQ(std::string_view(bytes, 6), std::string_view("\0\0\0\0\0\0", 6));
}

TEST(Secret, is_wiped_with_what_its_buffer_held_before) {
  std::string text = "a secret longer than a short string's buffer";
  const char* const bytes = text.data();
  text = "a";
  ASSERT_EQ(text.data(), bytes);
  wipe(text);
  ASSERT_EQ(text.data(), bytes);
  EXPECT_EQ(std::string_view(bytes, 6), std::string_view("\0\0\0\0\0\0", 6));
}

TEST(SecretFile, is_read_whole_or_refused_by_name) {
  const TempDir dir;
  const auto read = [&](const std::string& name) {
    const auto whole = read_secret_file("read " + name, dir / name, 1024);
    return whole ? std::string(whole->view()) : whole.error().message();
  };
  dir.write("good", "a\nb\n");
  EXPECT_EQ(read("good"), "a\nb\n");
  dir.write("full", std::string(1024, 'x'));
  EXPECT_EQ(read("full").size(), 1024u);
  dir.write("long", std::string(1025, 'x'));
  EXPECT_EQ(read("long"), "read long: it is longer than 1 KiB; is it the right file?");
  EXPECT_THAT(read("absent"), HasSubstr("read absent: No such file"));
  EXPECT_THAT(read("."), HasSubstr("it is no regular file"));
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(read("fifo"), HasSubstr("it is no regular file")) << "nobody will ever write to it";
}

TEST(SecretLine, is_one_printable_line) {
  const TempDir dir;
  const auto read = [&](const std::string& content) {
    const auto line = read_secret_line(dir.write("secret", content));
    return line ? std::string(line->view()) : line.error().message();
  };
  for (const char* good : {"CANARY", "CANARY\n", "CANARY\r\n", "CANARY\nand more"}) EXPECT_EQ(read(good), "CANARY");
  EXPECT_EQ(read(std::string(16384, 'x')).size(), 16384u);
  for (const std::string& bad : {std::string(), std::string("\nCANARY"), std::string("CAN ARY"),
                                 std::string("CANARY\t"), std::string("CANARY\xc3\xbc"), std::string(16385, 'x')})
    EXPECT_THAT(read(bad),
                AllOf(HasSubstr("read the secret in " + dir.path()), Not(HasSubstr("ARY")), Not(HasSubstr("xx"))));
}

TEST(SafeForSecrets, are_tls_and_this_machine) {
  for (const char* url : {"https://example.org/x", "http://127.0.0.1:1", "http://localhost", "http://[::1]:8/"})
    EXPECT_TRUE(safe_for_secrets("use it", url)) << url;
  for (const char* url : {"http://example.org", "http://127.example.org", "http://10.0.0.1", "ftp://localhost", ""}) {
    const auto safe = safe_for_secrets("use it", url);
    ASSERT_FALSE(safe) << url;
    EXPECT_EQ(safe.error().code, ErrorCode::invalid_argument);
  }
  EXPECT_EQ(safe_for_secrets("use it", "http://example.org/CANARY").error().message(),
            "use it: a credential would travel unencrypted to example.org; use https://");
}

}  // namespace
}  // namespace plumbline::fetch
