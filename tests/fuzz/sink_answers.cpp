#include "collector/forward/answers.hpp"

#include "tests/fuzz/must.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plumbline;
  const std::string body(reinterpret_cast<const char*>(data), size);
  if (const auto items = collector::read_bulk_answer(body))
    for (const auto& item : *items) {
      fuzz::must(item.status >= 100 && item.status <= 599, "a status is one of HTTP's");
      for (const char c : item.reason) fuzz::must(c >= ' ' && c < '\x7f', "a reason is printable");
    }
  const auto hec = collector::read_hec_answer(body);
  fuzz::must(hec.code >= -1 && hec.code < 1000, "a code is one of Splunk's");
  fuzz::must(collector::read_hec_acks(body, {0, 7, 18446744073709551615U}).size() == 3, "each id has its answer");
  for (const char c : collector::read_otlp_answer(body).message)
    fuzz::must(c >= ' ' && c < '\x7f', "a message is printable");
  const bool slack = collector::blames_slack_hook(body), teams = collector::blames_teams_workflow(body);
  fuzz::must(!slack || !teams, "a word of Slack's is no JSON");
  (void)collector::blames_routing_key(body);
  return 0;
}
