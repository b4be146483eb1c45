// Against libnghttp2's own inflater: the same fields for every block, whatever the tables do.
#include "agent/decode/hpack.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/decode/http2_writer.hpp"

namespace plumbline::agent {
namespace {

Fields decoded(Hpack& hpack, std::string_view block) {
  Fields fields;
  EXPECT_TRUE(hpack.decode(block, [&](const HpackField& field) {
    fields.emplace_back(field.name ? *field.name : "?", field.value ? *field.value : "?");
  }));
  return fields;
}

Fields random_fields(std::mt19937& random) {
  Fields fields;
  for (unsigned i = random() % 12; i > 0; --i) {
    const std::string name = random() % 3 == 0 ? ":path" : "x-" + std::to_string(random() % 30);
    fields.emplace_back(name, std::string(random() % 20 == 0 ? 3000 : 20, static_cast<char>('a' + random() % 3)));
  }
  return fields;
}

TEST(Hpack, reads_what_nghttp2_writes) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    Http2Writer writer(65536);
    Hpack hpack(1 << 20);
    for (int i = 0; i < 60; ++i) {
      if (random() % 10 == 0) writer.resize(random() % 8 == 0 ? 0 : random() % 65536);
      const auto fields = random_fields(random);
      ASSERT_EQ(decoded(hpack, writer.block(fields)), fields) << seed << " " << i;
    }
  }
}

TEST(Hpack, never_tells_another_field_after_a_loss) {
  std::size_t known = 0, unknown = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    Http2Writer writer(65536);
    Hpack hpack(random() % 2 == 0 ? 1 << 20 : 500);
    for (int i = 0; i < 60; ++i) {
      if (random() % 10 == 0) writer.resize(random() % 8 == 0 ? 0 : random() % 65536);
      const auto fields = random_fields(random);
      const auto block = writer.block(fields);
      if (random() % 10 == 0) {
        hpack.forget();
        continue;
      }
      const auto got = decoded(hpack, block);
      ASSERT_EQ(got.size(), fields.size());
      for (std::size_t at = 0; at < got.size(); ++at) {
        if (got[at].first != "?") {
          ASSERT_EQ(got[at].first, fields[at].first) << seed << " " << i;
        }
        if (got[at].second != "?") {
          ASSERT_EQ(got[at].second, fields[at].second) << seed << " " << i;
        }
        ++(got[at].second == "?" ? unknown : known);
      }
    }
  }
  EXPECT_GT(known, unknown);
  EXPECT_GT(unknown, 100U);
}

TEST(Hpack, an_emptied_table_is_known_again) {
  Http2Writer writer;
  Hpack hpack(4096);
  hpack.forget();
  writer.resize(0);
  (void)decoded(hpack, joined({writer.block({}), writer.block({{"a", "b"}})}));
  EXPECT_FALSE(hpack.decode("\xbe", [](const HpackField&) {}));  // index 62 of nothing
}

}  // namespace
}  // namespace plumbline::agent
