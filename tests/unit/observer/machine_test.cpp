#include "agent/machine.hpp"

#include <gtest/gtest.h>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

TEST(Machine, says_whose_it_is) {
  const TempDir sys;
  EXPECT_FALSE(is_of_amazon(sys.path()));
  sys.write("class/dmi/id/sys_vendor", "QEMU\n");
  EXPECT_FALSE(is_of_amazon(sys.path()));
  sys.write("class/dmi/id/bios_version", "4.11.amazon\n");  // Xen
  EXPECT_TRUE(is_of_amazon(sys.path()));
  const TempDir nitro;
  nitro.write("class/dmi/id/sys_vendor", "Amazon EC2\n");
  EXPECT_TRUE(is_of_amazon(nitro.path()));
}

}  // namespace
}  // namespace plumbline::agent
