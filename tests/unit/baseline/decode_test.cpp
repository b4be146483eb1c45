// What readers undo before they can read: base64, gzip, MIME.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "baseline/source/base64.hpp"
#include "baseline/source/gunzip.hpp"
#include "baseline/source/json_text.hpp"
#include "baseline/source/mime.hpp"

namespace plumbline::baseline {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::SizeIs;
using ::testing::StrEq;

// `printf 'packed\n' | gzip -9n`
const std::string packed = *decode_base64("H4sIAAAAAAACAytITM5OTeECAEPgQS8HAAAA", Base64::strict);

TEST(Decode, base64_as_go_reads_it) {
  EXPECT_THAT(decode_base64("aGVsbG8=", Base64::strict), Optional(StrEq("hello")));
  EXPECT_THAT(decode_base64("aGVs\r\nbG8=\n", Base64::strict), Optional(StrEq("hello")));
  EXPECT_THAT(decode_base64("", Base64::strict), Optional(StrEq("")));
  for (const char* bad :
       {"a", "aG", "aGV", "aGVsbG8", "aGVs bG8=", "aGVsbG8=x", "=aGVs", "aGVs=bG8", "aG=V", "a_-b", "***"})
    EXPECT_EQ(decode_base64(bad, Base64::strict), std::nullopt) << bad;
}

TEST(Decode, base64_as_python_reads_it) {
  EXPECT_THAT(decode_base64("YW I=", Base64::lenient), Optional(StrEq("ab")));
  EXPECT_THAT(decode_base64("YQ==garbage", Base64::lenient), Optional(StrEq("a")));
  EXPECT_THAT(decode_base64("=YQ==", Base64::lenient), Optional(StrEq("a")));
  EXPECT_THAT(decode_base64("YWJj==", Base64::lenient), Optional(StrEq("abc")));
  EXPECT_THAT(decode_base64("YQ=a=", Base64::lenient), Optional(StrEq("a\x06")));
  for (const char* bad : {"Y=Q=", "YQ=", "Y===", "YQ=aYQ=="})
    EXPECT_EQ(decode_base64(bad, Base64::lenient), std::nullopt) << bad;
}

TEST(Decode, gzip_of_one_and_of_more_members) {
  EXPECT_EQ(*gunzip(packed, 100), "packed\n");
  EXPECT_EQ(*gunzip(packed + packed + std::string(512, '\0'), 100), "packed\npacked\n");
  EXPECT_EQ(gunzip(packed, 7)->size(), 7u);
}

TEST(Decode, gzip_that_is_not_whole_or_too_much_is_refused) {
  EXPECT_THAT(gunzip("packed", 100).error().why, HasSubstr("not gzip"));
  for (std::size_t size = 2; size < packed.size(); ++size) EXPECT_FALSE(gunzip(packed.substr(0, size), 100)) << size;
  EXPECT_THAT(gunzip(packed.substr(0, 20), 100).error().why, HasSubstr("cut off"));
  EXPECT_THAT(gunzip(packed + "x", 100).error().why, HasSubstr("behind it"));
  EXPECT_THAT(gunzip(packed, 6).error().why, HasSubstr("more than 6"));
  EXPECT_THAT(gunzip(packed + packed, 10).error().why, HasSubstr("more than 10"));
  std::string changed = packed;
  changed[12] = static_cast<char>(changed[12] ^ 0x40);
  EXPECT_FALSE(gunzip(changed, 100));
}

TEST(Decode, mime_parts_in_their_order_with_their_headers) {
  const auto parts = mime_parts(
      "m",
      "From nobody\nContent-Type: multipart/mixed;\n boundary=\"a b\"\nMIME-Version: 1.0\n\npreamble\n"
      "--a b\nContent-Type: Text/Cloud-Config; charset=us-ascii\nMerge-Type: list(append)\n\none\n--not it\n\n"
      "--a b  \n\ntwo\r\n--a b--\nepilogue\n--a b\n");
  ASSERT_TRUE(parts) << parts.error().message();
  ASSERT_THAT(*parts, SizeIs(2));
  EXPECT_EQ((*parts)[0].type, "text/cloud-config");
  EXPECT_EQ((*parts)[0].merge_type, "list(append)");
  EXPECT_EQ((*parts)[0].body, "one\n--not it\n");
  EXPECT_EQ((*parts)[1].type, "text/plain");
  EXPECT_EQ((*parts)[1].body, "two");
}

TEST(Decode, mime_transfer_encodings) {
  const auto body = [](const std::string& encoding, const std::string& text) {
    const auto parts = mime_parts("m", "Content-Transfer-Encoding: " + encoding + "\n\n" + text);
    return parts ? (*parts)[0].body : "(" + parts.error().why + ")";
  };
  EXPECT_EQ(body("base64", "aGVs\nbG8"), "hello");  // Python mends the padding
  EXPECT_EQ(body("base64", "a"), "(the part is said to be base64 and is not)");
  EXPECT_EQ(body("Quoted-Printable", "a=3D=C3=A9=\nb ==x =zz =4"),
            "a=\xC3\xA9"
            "b =x =zz =4");
  EXPECT_EQ(body("7bit", "=41"), "=41");
  EXPECT_TRUE((*mime_parts("m", "\n\xC3\xA9"))[0].garbled);
}

TEST(Decode, mime_that_is_not_whole_is_refused) {
  const std::string head = "Content-Type: multipart/mixed; boundary=x\n\n";
  EXPECT_THAT(mime_parts("m", head + "--x\n\none\n").error().why, HasSubstr("closing boundary"));
  EXPECT_THAT(mime_parts("m", "Content-Type: multipart/mixed\n\n").error().why, HasSubstr("without a boundary"));
  std::string nested;
  for (int i = 0; i < 100; ++i) nested += head + "--x\n";
  EXPECT_FALSE(mime_parts("m", nested));
  std::string many = head;
  for (int i = 0; i < 20'000; ++i) many += "--x\n\n\n";
  EXPECT_THAT(mime_parts("m", many + "--x--\n").error().why, HasSubstr("more than 10000"));
}

TEST(Decode, json_texts_can_be_read_one_after_the_other) {
  JsonText json;
  EXPECT_EQ(json.parse("a", R"({"a":"secret"})").value()["a"].get_string().value(), "secret");
  EXPECT_EQ(json.parse("a", "[1]").value().at(0).get_int64().value(), 1);
  EXPECT_THAT(json.parse("read x", "{", "do that").error().message(),
              AllOf(HasSubstr("read x: not JSON"), HasSubstr("do that")));
  EXPECT_FALSE(json.parse("a", std::string(300, '[') + std::string(300, ']')));
  EXPECT_FALSE(json.parse("a", ""));
}

}  // namespace
}  // namespace plumbline::baseline
