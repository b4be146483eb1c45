#include "cloud/aws/rest.hpp"

#include <algorithm>

#include "cloud/table/tables.hpp"

namespace plumbline::cloud::aws {
namespace {

constexpr std::size_t max_segments = 48;

/// The query, taken apart once: each operation at a place asks for keys of its own.
class Query {
 public:
  explicit Query(std::string_view text) : text_(text) {
    QueryWalk walk(text);
    for (QueryPair pair; walk.next(pair);) {
      has_bare_key_ = has_bare_key_ || !pair.has_value;
      if (count_ < pairs_.size()) pairs_[count_] = pair;
      ++count_;
    }
  }
  std::optional<std::string_view> value(std::string_view key) const {
    if (count_ > pairs_.size()) return query_value(text_, key);
    for (std::size_t i = 0; i < count_; ++i)
      if (percent_equal(pairs_[i].key, key)) return pairs_[i].value;
    return std::nullopt;
  }
  bool has_bare_key() const { return has_bare_key_; }

 private:
  std::string_view text_;
  std::array<QueryPair, 12> pairs_;
  std::size_t count_ = 0;
  bool has_bare_key_ = false;
};

/// The path's segments. One slash at the end counts for nothing but in what {Key+} stands for.
struct Segments {
  struct Part {  // left as it is until it is used
    const char* data;
    std::size_t size;
  };
  std::array<Part, max_segments> parts;
  std::size_t count = 0;
  bool whole = true;  ///< there are no more
  const char* end = nullptr;

  void add(std::string_view part) {
    if (count < max_segments)
      parts[count++] = {part.data(), part.size()};
    else
      whole = false;
  }
  std::string_view operator[](std::size_t i) const { return {parts[i].data, parts[i].size}; }
  Segments(std::string_view bucket, std::string_view path) {
    if (!bucket.empty()) add(bucket);
    end = path.data() + path.size();
    if (path.starts_with('/')) path.remove_prefix(1);
    const auto behind = path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
    if (path.empty()) return;
    for (std::string_view rest = behind;;) {
      const auto slash = rest.find('/');
      add(rest.substr(0, slash));
      if (slash == std::string_view::npos) return;
      rest.remove_prefix(slash + 1);
    }
  }
};

bool is_date(std::string_view text) {
  if (text.size() != 10) return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (i == 4 || i == 7 ? text[i] != '-' : text[i] < '0' || text[i] > '9') return false;
  return true;
}

class Search {
 public:
  Search(const RestRequest& request, RestMatch& best)
      : request_(request), best_(best), query_(request.query), segments_(request.bucket, request.path) {}

  void down(std::uint32_t node_id, std::size_t at, int literals) {
    if (++steps_ > max_steps) return;
    const auto& node = table::node(node_id);
    if (at == segments_.count && segments_.whole) ends(node, literals);
    if (at < segments_.count) {
      const auto segment = segments_[at];
      if (const auto next = literal(node, segment); next != table::no_row) down(next, at + 1, literals + 1);
      if (node.label != table::no_row && !segment.empty()) with(segment, node.label, at + 1, literals);
    }
    if (node.greedy != table::no_row) greedy(node.greedy, at, literals);
  }

 private:
  static constexpr int max_steps = 512;

  static std::uint32_t literal(const table::NodeRow& node, std::string_view segment) {
    const auto edges = table::rows<table::EdgeRow>(table::edges, node.literals);
    const auto found =
        std::lower_bound(edges.begin(), edges.end(), segment,
                         [](const auto& edge, std::string_view text) { return table::text(edge.text) < text; });
    return found != edges.end() && table::text(found->text) == segment ? found->node : table::no_row;
  }

  void with(std::string_view value, std::uint32_t next, std::size_t at, int literals) {
    if (taken_ == values_.size()) return;
    values_[taken_++] = value;
    down(next, at, literals);
    --taken_;
  }

  /// {Key+} stands for all that is left, or for what is before literals that follow it.
  void greedy(std::uint32_t node_id, std::size_t at, int literals) {
    if (at >= segments_.count) return;
    const char* begin = segments_.parts[at].data;
    const auto& node = table::node(node_id);
    if (node.bindings.count > 0 && begin != segments_.end && taken_ < values_.size()) {
      values_[taken_++] = {begin, static_cast<std::size_t>(segments_.end - begin)};
      ends(node, literals - 1);
      --taken_;
    }
    if (node.literals.count == 0 || !segments_.whole) return;
    for (std::size_t next = at + 1; next < segments_.count; ++next) {
      const auto last = segments_[next - 1];
      with({begin, static_cast<std::size_t>(last.data() + last.size() - begin)}, node_id, next, literals - 1);
    }
  }

  void ends(const table::NodeRow& node, int literals) {
    for (const auto& binding : table::rows<table::BindingRow>(table::bindings, node.bindings)) {
      if (binding.method != request_.method) continue;
      const auto& demand = table::rows<table::DemandRow>(table::demands)[binding.demand];
      const int score = score_of(binding.operation, demand, literals);
      if (score <= best_.score) continue;
      best_.score = score;
      best_.operation = binding.operation;
      best_.label_count = 0;
      const auto names = table::rows<table::Text>(table::texts, demand.labels);
      for (std::size_t i = 0; i < names.size() && i < taken_; ++i)
        if (const auto name = table::text(names[i]); !name.starts_with('@'))
          best_.labels[best_.label_count++] = {name, values_[i]};
    }
  }

  /// -1 where it is not this operation.
  int score_of(std::uint32_t operation, const table::DemandRow& demand, int literals) const {
    const auto names = table::rows<table::Text>(table::texts, demand.labels);
    for (std::size_t i = 0; i < names.size() && i < taken_; ++i)
      if (table::text(names[i]).starts_with('@') && !is_date(values_[i])) return -1;
    int fixed = 0;
    for (const auto& key : table::rows<table::KeyRow>(table::keys, demand.fixed)) {
      const auto value = query_.value(table::text(key.key));
      const auto wanted = table::text(key.value);
      if (!value || (!wanted.empty() && !percent_equal(*value, wanted))) return -1;
      ++fixed;
    }
    if (fixed == 0 && names_subresource()) return -1;
    bool all = true;
    int required = 0;
    for (const auto& key : table::rows<table::KeyRow>(table::keys, demand.required)) {
      const bool there = key.header == 1 ? !header(request_.headers, table::text(key.key)).empty()
                                         : query_.value(table::text(key.key)).has_value();
      all = all && there;
      required += there ? 1 : 0;
    }
    const auto flags = table::operation(operation).flags;
    const int age = ((flags & table::deprecated) != 0 ? 1 : 0) + ((flags & table::retired) != 0 ? 2 : 0);
    return (all ? 1'000'000 : 0) + host_score(table::text(demand.host_prefix)) * 100'000 +
           std::min(literals + 50, 100) * 500 + fixed * 50 + std::min(required, 8) * 4 + 3 - age;
  }

  /// A key without a value ("?policy") names a part of S3's things: without such a part another operation would be
  /// meant than the one asked for, which the tables do not know then.
  bool names_subresource() const { return request_.is_s3 && query_.has_bare_key(); }

  int host_score(std::string_view prefix) const {
    if (request_.own_host) return 3;
    if (prefix.empty() || !request_.known_host) return 1;
    const auto label = prefix.find('{');
    if (label == std::string_view::npos) return request_.host.starts_with(prefix) ? 2 : 0;
    return request_.host_left.empty() ? 1 : 2;
  }

  const RestRequest& request_;
  RestMatch& best_;
  Query query_;
  Segments segments_;
  std::array<std::string_view, 12> values_;
  std::size_t taken_ = 0;
  int steps_ = 0;
};

}  // namespace

void match_rest(std::uint32_t service, const RestRequest& request, RestMatch& best) {
  const auto root = table::service(service).root;
  if (root != table::no_row) Search(request, best).down(root, 0, 0);
}

table::Method method_of(std::string_view word) {
  constexpr std::array<std::string_view, 7> words = {"GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"};
  const auto found = std::find(words.begin(), words.end(), word);
  return static_cast<table::Method>(found - words.begin());
}

}  // namespace plumbline::cloud::aws
