#include <ostream>

#include "ctl/api.hpp"
#include "ctl/commands.hpp"
#include "ctl/text.hpp"

namespace plumbline::ctl {

int probe(const Context& context, const std::string& what) {
  const auto api = Api::open(context.options);
  if (!api) return fail(context, api.error());
  const auto answer = api->client().get("/" + what + "?verbose");
  if (!answer) return fail(context, answer.error());
  auto& out = answer->status == 200 ? context.terminal.out : context.terminal.err;
  std::string line;
  for (const char c : answer->body) {  // somebody else's text, a line a check
    if (c != '\n') {
      line += c;
      continue;
    }
    out << printable(line) << '\n';
    line.clear();
  }
  if (!line.empty()) out << printable(line) << '\n';
  return answer->status == 200 ? exit_code::ok : exit_code::error;
}

}  // namespace plumbline::ctl
