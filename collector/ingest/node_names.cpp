#include "collector/ingest/node_names.hpp"

#include "include/wire/text.hpp"

namespace plumbline::collector {

Result<void> NodeNames::load(const Store& store) {
  const auto nodes = store.nodes();
  if (!nodes) return nodes.error();
  store_ = &store;
  const std::lock_guard lock(mutex_);
  for (const auto& row : *nodes) names_.insert_or_assign(row.node_id, row.node);
  return {};
}

std::string NodeNames::claim(const std::string& node_id, const std::string& node, const http::Caller* caller) {
  if (caller != nullptr && !caller->may_speak_for(node))
    return caller->name + " may not speak for the node " + (node.empty() ? "without a name" : wire::escape_bytes(node));
  {
    const std::lock_guard lock(mutex_);
    if (names_.contains(node_id) || store_ == nullptr)
      if (auto why = judge(node_id, node, caller); why.empty() || store_ == nullptr) return why;
  }
  const auto stored = store_->node_name(node_id);
  const std::lock_guard lock(mutex_);
  // A store that cannot be asked takes no batch either.
  if (stored && *stored) names_.insert_or_assign(node_id, **stored);
  return judge(node_id, node, caller);
}

/// With the mutex held.
std::string NodeNames::judge(const std::string& node_id, const std::string& node, const http::Caller* caller) {
  const auto [known, is_new] = names_.try_emplace(node_id, node);
  if (!is_new && caller != nullptr && !known->second.empty() && !caller->may_speak_for(known->second))
    return "the node id " + node_id + " is that of " + wire::escape_bytes(known->second) + ", for whom " +
           caller->name +
           " may not speak; a node that was renamed needs a credential with both names once, or a new id (remove "
           "node_id "
           "from its state_dir)";
  known->second = node;
  return "";
}

}  // namespace plumbline::collector
