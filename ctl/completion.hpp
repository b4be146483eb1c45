#pragma once

#include <string>

namespace CLI {
class App;
}

namespace plumbline::ctl {

/// A completion script for bash, zsh or fish, made from the parser itself so that it cannot fall behind. "" for another
/// shell.
std::string completion_script(const CLI::App& app, const std::string& shell);

}  // namespace plumbline::ctl
