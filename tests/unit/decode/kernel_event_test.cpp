#include "agent/decode/kernel_event.hpp"

#include <gtest/gtest.h>

namespace plumbline::agent {
namespace {

template <class T>
std::span<const std::byte> bytes(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

TEST(Decode, reads_a_wake) {
  const wake_event event{EVENT_WAKE, 7};
  const auto decoded = decode(bytes(event));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::get<Wake>(*decoded).slot, 7u);
}

TEST(Decode, reads_a_cgroup_path_without_a_terminator) {
  cgroup_event event{};
  event.type = EVENT_CGROUP;
  event.id = 9;
  std::memset(event.path, 'x', sizeof event.path);
  const auto decoded = decode(bytes(event));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::get<CgroupMade>(*decoded).path.size(), sizeof event.path);
}

TEST(Decode, refuses_short_and_unknown_samples) {
  const wake_event event{EVENT_WAKE, 7};
  EXPECT_FALSE(decode(bytes(event).first(3)));
  EXPECT_FALSE(decode(bytes(event).first(5)));
  EXPECT_FALSE(decode({}));
  const __u32 unknown = 99;
  EXPECT_FALSE(decode(bytes(unknown)));
}

}  // namespace
}  // namespace plumbline::agent
