#pragma once

#include <string>
#include <vector>

namespace plumbline::agent {

/// argv without what people should not, but do, pass on command lines. These become "***":
/// - values of names that sound secret ("--password=x", "PGPASSWORD=x", "--token x"), also inside JSON, in the script
/// of
///   `sh -c` and behind wrappers such as sudo and ssh;
/// - headers of authorization and cookies to their end, what follows "Bearer", passwords in URLs;
/// - what curl's -u, mysql's -p and sshpass's -p are given.
/// A guess by names, so documented as one (docs/roadmap.md); the executable, the other arguments and their number stay.
std::vector<std::string> redact_argv(std::vector<std::string> argv);

}  // namespace plumbline::agent
