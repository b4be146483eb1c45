#pragma once

#include <string>

namespace plumbline::agent {

/// Whether the firmware says that this machine is an instance of Amazon EC2
/// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html): Nitro names the vendor, Xen has
/// "amazon" in the BIOS version. `sys`: where sysfs is.
bool is_of_amazon(const std::string& sys = "/sys");

}  // namespace plumbline::agent
