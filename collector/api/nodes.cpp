#include "collector/api/nodes.hpp"

#include <algorithm>

#include "collector/api/principal.hpp"
#include "collector/api/same_site.hpp"
#include "http/page.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

/// The word of the request: who says what of which node.
Result<NodeWord> read_word(const ApiParts& parts, const http::Request& request, const std::string& what) {
  if (const auto checked = http::check_query(request.query, {"reason", "by"}); !checked) return checked.error();
  const auto text = [&](const char* key) {
    const std::string* value = http::find_field(request.query, key);
    return value == nullptr ? std::string() : *value;
  };
  NodeWord word{request.params.at("id"), text("by"), text("reason"), parts.clock.wall()};
  if (word.by.size() > 200) return invalid(what, "`by` is longer than 200 bytes", "");
  if (word.reason.size() > 1000) return invalid(what, "`reason` is longer than 1000 bytes", "");
  if (word.reason.find_first_not_of(" \t\n") == std::string::npos)
    return invalid(what, "`reason` is missing", "say why, for whoever reads the ledger");
  word.by = principal_of(request, word.by);
  return word;
}

http::Response answer(const NodeWord& word, const char* state, const char* count, const Result<std::size_t>& done) {
  if (!done) return http::problem(done.error());
  return http::json_response(
      wire::JsonObject().text("node_id", word.node_id).text("state", state).number(count, *done).str());
}

}  // namespace

http::Response forget_node(const ApiParts& parts, const http::Request& request) {
  const std::string what = "forget node " + request.params.at("id").substr(0, 100);
  if (auto refused = refuse_other_sites(request, what)) return std::move(*refused);
  const auto word = read_word(parts, request, what);
  if (!word) return http::problem(word.error());
  const auto nodes = parts.store.nodes();
  if (!nodes) return http::problem(nodes.error());
  const auto node =
      std::find_if(nodes->begin(), nodes->end(), [&](const NodeRow& row) { return row.node_id == word->node_id; });
  if (node != nodes->end() && node->silent_since == 0)
    return http::problem(409, invalid(what, "its agent is heard, and would be back with its next word",
                                      "stop the agent and wait until the node is silent"));
  return answer(*word, "forgotten", "drifts", parts.store.forget_node(*word));
}

http::Response acknowledge_node(const ApiParts& parts, const http::Request& request) {
  const std::string what = "acknowledge node " + request.params.at("id").substr(0, 100);
  if (auto refused = refuse_other_sites(request, what)) return std::move(*refused);
  const auto word = read_word(parts, request, what);
  if (!word) return http::problem(word.error());
  return answer(*word, "acknowledged", "conditions", parts.store.acknowledge_node(*word));
}

}  // namespace plumbline::collector
