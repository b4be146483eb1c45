// What is handed out and shown: numbered by the store, so that it is one thing at all collectors of it.
#include <fnmatch.h>

#include <algorithm>
#include <charconv>

#include "baseline/keyed_hash.hpp"
#include "collector/baselines/shelf.hpp"
#include "collector/telemetry/log.hpp"

namespace plumbline::collector {
namespace {

/// The number in an ETag of ours; 0 = it is none.
std::uint64_t number_of(std::string_view etag) {
  std::uint64_t number = 0;
  if (etag.size() < 2 || etag.front() != '"') return 0;
  const char* const last = etag.data() + etag.size();
  const auto [end, error] = std::from_chars(etag.data() + 1, last, number);
  return error == std::errc() && end != last && *end == '-' ? number : 0;
}

/// What makes two lists of all nodes the same: all that list_for() goes by.
std::string content_text(const fetch::Handout& all, const std::vector<std::string>& whose) {
  std::string text = fetch::handout_json(all);
  for (const auto& one : whose) text += '\0' + one;
  return text;
}

}  // namespace

bool Shelf::is_for(const ShelfSource& source, const std::string& node) {
  return source.nodes.empty() || std::any_of(source.nodes.begin(), source.nodes.end(), [&](const auto& pattern) {
           return ::fnmatch(pattern.c_str(), node.c_str(), 0) == 0;
         });
}

/// What would be handed out now; with the lock held.
Shelf::Published Shelf::seen() const {
  Published now;
  fetch::Handout all;
  std::vector<std::string> whose;
  for (const auto& [name, item] : items_) {
    Offer offer{item.source, item.node, {}};
    const auto& config = item.source->source;
    auto spec = item.keeper->spec();
    if (spec.cluster == baseline::in_cluster) spec.cluster.clear();  // ours, and the node may be in another
    if (item.index)
      offer.entry = {std::move(spec), item.sha256, item.index->bytes(), item.error, config.endpoint,
                     config.region,   item.etag};
    else
      offer.entry.spec = std::move(spec);
    if (item.index)
      all.baselines.push_back(offer.entry);
    else
      all.missing.push_back(name);
    whose.push_back(name + (item.source->node_by_file ? "\nnode\n" + item.node : "\nnodes"));
    for (const auto& node : item.source->nodes) whose.back() += "\n" + node;
    now.offers.push_back(std::move(offer));
  }
  // Of a pattern that could not be looked at, or matches nothing, any match may be missing.
  for (const auto& source : sources_) {
    if (!is_local_pattern(source) || empty_is_meant_.contains(source.source.name)) continue;
    const auto state = patterns_.find(source.source.name);
    if (state != patterns_.end() && !state->second.is_incomplete) continue;
    now.incomplete.push_back(&source);
    whose.push_back(source.source.name + "\nincomplete");
    for (const auto& node : source.nodes) whose.back() += "\n" + node;
  }
  now.content = baseline::sha256(content_text(all, whose));
  now.rows = rows_of_items();
  return now;
}

/// Without the lock: a store that is slow holds up no node that asks.
Result<void> Shelf::publish() {
  const std::lock_guard one_at_a_time(publishing_);
  auto fresh = std::make_shared<Published>();
  {
    const std::lock_guard lock(mutex_);
    *fresh = seen();
  }
  // Wall time in ms where that is later, so that a store that was made anew does not begin at 1 again.
  const auto number = store_.number_handout(fresh->content, static_cast<std::uint64_t>(clock_.wall() / 1'000'000));
  const std::lock_guard lock(mutex_);
  if (!number) {
    if (!std::exchange(unpublished_, true))
      log(LogLevel::error, "what changed of the baselines is not handed out yet", {{"why", number.error().message()}});
    return number.error();
  }
  if (std::exchange(unpublished_, false)) log(LogLevel::info, "what changed of the baselines is handed out");
  fresh->sequence = *number;
  published_ = std::move(fresh);
  return {};
}

/// Another collector may have numbered what we hand out anew, after it had something else for a while.
void Shelf::follow_others() {
  const auto last = store_.last_handout();
  if (!last) return;  // batches tell of a store that is gone
  const std::lock_guard lock(mutex_);
  if (last->content != published_->content || last->sequence <= published_->sequence) return;
  auto renumbered = std::make_shared<Published>(*published_);
  renumbered->sequence = last->sequence;
  published_ = std::move(renumbered);
}

Result<Shelf::List> Shelf::list_for(const std::string& node, std::string_view known, std::size_t most) const {
  std::shared_ptr<const Published> now;
  {
    const std::lock_guard lock(mutex_);
    now = published_;
  }
  if (const std::uint64_t number = number_of(known); number > now->sequence) {
    const auto last = store_.last_handout();
    if (!last) return last.error();
    // A number that nobody gave is of a store that was set back: the node sees that by an older list, and tells.
    if (number == last->sequence) return List{"", std::string(known)};
    if (number < last->sequence)
      return Error{ErrorCode::unavailable, "hand out baselines",
                   "another collector of this store has handed out newer ones, which this one has not read yet",
                   "ask again later; where it lasts, look whether all read the same sources (GET /v1/baselines)"};
  }
  fetch::Handout handout;
  List list;
  handout.sequence = now->sequence;
  constexpr std::int64_t period = std::chrono::seconds(fetch::issue_period).count();
  handout.issued_at = clock_.wall() / 1'000'000'000 / period * period;
  list.etag = "\"" + std::to_string(now->sequence) + "-" + std::to_string(handout.issued_at) + "\"";
  if (list.etag == known) return list;
  for (const auto& offer : now->offers) {
    if (offer.source->node_by_file ? offer.node != node : !is_for(*offer.source, node)) continue;
    if (offer.entry.sha256.empty())
      handout.missing.push_back(offer.entry.spec.name);
    else
      handout.baselines.push_back(offer.entry);
  }
  for (const auto* source : now->incomplete)
    if (source->node_by_file || is_for(*source, node)) handout.missing.push_back(source->source.name);
  handout.node = node;
  list.envelope = fetch::sign(fetch::handout_type, fetch::handout_json(handout), keys_.signing);
  if (list.envelope.size() > fetch::max_handout_bytes ||
      std::max(handout.baselines.size(), handout.missing.size()) > most)
    return Error{ErrorCode::unavailable, "hand out the baselines of " + node,
                 std::to_string(handout.baselines.size()) + " baselines in a list of " +
                     std::to_string(list.envelope.size()) + " bytes, and a node takes " + std::to_string(most) +
                     " in " + std::to_string(fetch::max_handout_bytes),
                 "give it fewer: `nodes` or `node_by_file` in collector.yaml"};
  return list;
}

std::vector<ShelfRow> Shelf::rows() const {
  const std::lock_guard lock(mutex_);
  return published_->rows;
}

/// With the lock held.
std::vector<ShelfRow> Shelf::rows_of_items() const {
  std::vector<ShelfRow> rows;
  for (const auto& [name, item] : items_) {
    ShelfRow& row = rows.emplace_back();
    const auto& spec = item.keeper->spec();
    row.name = name;
    row.kind = spec.kind;
    row.path = spec.path;
    row.error = item.error;
    row.nodes = item.source->node_by_file ? std::vector{item.node} : item.source->nodes;
    row.sha256 = item.sha256;
    row.loaded_at = item.loaded_at;
    if (!item.index) continue;
    row.revision = item.index->source(0).revision;
    row.resources = item.index->resource_count();
    row.files = item.index->file_count();
    row.bytes = item.index->bytes();
  }
  for (const auto& source : sources_)
    if (const auto state = patterns_.find(source.source.name);
        state != patterns_.end() && !state->second.error.empty()) {
      ShelfRow& row = rows.emplace_back();
      row.name = source.source.name;
      row.kind = source.source.kind;
      row.path = source.source.path;
      row.error = state->second.error;
    }
  return rows;
}

}  // namespace plumbline::collector
