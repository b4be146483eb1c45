// plumb run: a command as an approved run.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <ostream>

#include "ctl/api.hpp"
#include "ctl/commands.hpp"
#include "ctl/text.hpp"
#include "include/config/quantities.hpp"

namespace plumbline::ctl {
namespace {

constexpr int not_executable = 126, not_found = 127;  // as shells have them
constexpr std::streamsize longest_token = 16 << 10;

/// The first line. Errors: `corrupt`, as of all files that options name.
Result<std::string> read_token(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(static_cast<std::size_t>(longest_token) + 1, '\0');
  file.read(text.data(), longest_token + 1);
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  text.resize(std::min(text.find_first_of("\r\n"), text.size()));
  if (text.empty() || text.size() > static_cast<std::size_t>(longest_token))
    return Error{ErrorCode::corrupt, "read the token file " + path,
                 "it cannot be opened, or its first line is empty or longer than 16 KiB",
                 "write the token on its first line"};
  return text;
}

Result<Json> body_of(const Context& context, const RunOptions& run) {
  const auto lasts = config::parse_duration(run.lasts);
  const auto seconds = lasts ? std::chrono::duration_cast<std::chrono::seconds>(*lasts).count() : 0;
  if (seconds < 1 || seconds > 86'400)
    return invalid("read --for", "it is no time of 1s to 24h", "write it as 90s, 30m or 2h");
  Json body = {{"id", run.id.empty() ? "plumb-" + std::to_string(::getpid()) + "-" + std::to_string(std::time(nullptr))
                                     : run.id},
               {"expires_in", seconds}};
  for (const auto& [key, globs] :
       {std::pair("baselines", &run.baselines), {"resources", &run.resources}, {"paths", &run.paths}})
    if (!globs->empty()) body[key] = *globs;
  if (context.options.token_file.empty()) return {boost::system::in_place_value, std::move(body)};
  auto token = read_token(context.options.token_file);
  if (!token) return token.error();
  body["token"] = *token;
  return {boost::system::in_place_value, std::move(body)};
}

/// This process: it has its number and start time still when it is the command.
Result<void> register_run(const Context& context, const RunOptions& run) {
  if (!context.options.url.empty() || !context.options.collector.empty())
    return invalid("approve the run", "an agent takes that on its Unix socket alone", "name it with --socket");
  auto body = body_of(context, run);
  if (!body) return body.error();
  Options options = context.options;
  options.token_file.clear();  // it is the run's, and opens nothing
  const auto api = Api::open(options);
  if (!api) return api.error();
  auto answer = api->post("/v1/runs", body->dump(-1, ' ', false, Json::error_handler_t::replace));
  if (!answer) return answer.error();
  return {};
}

}  // namespace

int run_approved(const Context& context, const RunOptions& options) {
  if (auto registered = register_run(context, options); !registered) {
    if (!options.best_effort) return fail(context, registered.error());
    context.terminal.err << "plumb: goes on without an approval: " << printable(registered.error().message()) << '\n';
  }
  std::vector<std::string> words = options.command;
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  context.terminal.out.flush();
  context.terminal.err.flush();
  ::execvp(argv[0], argv.data());
  const int error = errno;
  context.terminal.err << "plumb: run " << printable(words.front()) << ": " << errno_text(error) << '\n';
  return error == ENOENT ? not_found : not_executable;
}

}  // namespace plumbline::ctl
