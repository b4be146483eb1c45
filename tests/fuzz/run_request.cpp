// Bodies of POST /v1/runs, and what their tokens say.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/api/run_request.hpp"
#include "cloud/run_token.hpp"
#include "tests/fuzz/must.hpp"

using plumbline::agent::parse_run_request;
using plumbline::agent::RunRequest;
using plumbline::cloud::RunToken;
using plumbline::fuzz::must;
using plumbline::fuzz::must_be_readable;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto run = parse_run_request(text);
  if (!run) must_be_readable(run.error());
  if (run) {
    must(!run->id.empty() && run->id.size() <= 128, "an id within its bounds");
    must(run->expires_in.count() >= 1 && run->expires_in.count() <= 86'400, "a time within its bounds");
    must(run->token.size() <= RunRequest::longest_token, "a token within its bounds");
    for (const auto* globs : {&run->baselines, &run->resources, &run->paths}) {
      must(globs->size() <= RunRequest::most_globs, "not too many globs");
      for (const auto& glob : *globs) must(!glob.empty() && glob.size() <= RunRequest::longest_glob, "a glob is one");
    }
  }
  const auto token = plumbline::cloud::read_run_claims(text, "plumbline");
  if (token) {
    must(!token->subject.empty() && token->subject.size() <= 256, "a subject within its bounds");
    must(token->until >= 0 && token->until <= 7'258'118'400, "an end that nanoseconds can hold");
    for (const auto* globs : {&token->resources, &token->paths}) {
      must(globs->size() <= RunToken::most_globs, "not too many globs");
      for (const auto& glob : *globs) must(!glob.empty() && glob.size() <= RunToken::longest_glob, "a glob is one");
    }
  }
  return 0;
}
