#include <gtest/gtest.h>

#include <fstream>

#include "baseline/compile.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::baseline {
namespace {

TEST(IndexFile, of_one_source_under_one_key_makes_the_same_bytes_each_time) {
  const TempDir dir;
  const std::string source = dir / "net.tfstate", path = dir / "net.index";
  std::ofstream(source) << R"({"version":4,"serial":1,"lineage":"a","resources":[{"mode":"managed","type":"local_file",
    "name":"app","provider":"provider[\"registry.opentofu.org/hashicorp/local\"]","instances":[{"schema_version":0,
    "attributes":{"filename":"/etc/app.conf","content":"x"}}]}]})";
  const KeyedHash key({}), other({std::byte{1}});
  const auto image = [&](const KeyedHash& under) {
    const auto loaded = load_indexed({"net", "terraform_state", source}, under, path);
    return loaded && loaded->index ? std::string(loaded->index->image()) : "";
  };
  const std::string once = image(key);
  ASSERT_FALSE(once.empty());
  EXPECT_EQ(image(key), once) << "who has it need not fetch it again";
  EXPECT_NE(image(other), once);
}

}  // namespace
}  // namespace plumbline::baseline
