#pragma once

#include <string>
#include <vector>

namespace plumbline::agent {

/// argv without what people should not, but do, pass on command lines: values of names that sound secret
/// ("--password=x", "PGPASSWORD=x", "--token x", also inside JSON or shell text) and passwords in URLs become "***".
/// A guess by names, so documented as one; the executable, the other arguments and their number stay.
std::vector<std::string> redact_argv(std::vector<std::string> argv);

}  // namespace plumbline::agent
