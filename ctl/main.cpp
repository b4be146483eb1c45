#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "ctl/app.hpp"

namespace {

/// Colour only for a person (https://no-color.org); as wide as the terminal says.
plumbline::ctl::Terminal terminal_of_this_process() {
  plumbline::ctl::Terminal terminal{std::cout, std::cerr};
  if (::isatty(STDOUT_FILENO) == 0) return terminal;
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  terminal.colour = (no_color == nullptr || *no_color == '\0') && (term == nullptr || std::string_view(term) != "dumb");
  winsize size{};
  terminal.width = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  return terminal;
}

}  // namespace

int main(int argc, char** argv) {
#ifdef PLUMB_WITHOUT_SOURCES
  const plumbline::ctl::SourceCommands sources;
#else
  const auto sources = plumbline::ctl::source_commands();
#endif
  try {
    return plumbline::ctl::run(argc, argv, terminal_of_this_process(), plumbline::SystemClock(), sources);
  } catch (const std::exception& error) {
    std::cerr << "plumb: " << error.what() << '\n';
    return plumbline::ctl::exit_code::error;
  }
}
