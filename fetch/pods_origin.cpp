#include "fetch/pods_origin.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "baseline/keyed_hash.hpp"
#include "fetch/encoding.hpp"
#include "fetch/pods_document.hpp"
#include "fetch/secret.hpp"
#include "fetch/web.hpp"

namespace plumbline::fetch {
namespace {

using Steady = std::chrono::steady_clock;

// https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
constexpr const char* list_metadata =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
constexpr const char* object_metadata = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
constexpr const char* whole = "application/json";
constexpr int page_size = 500;
constexpr int most_pages = 2 * static_cast<int>(max_node_pods) / page_size;  // one that is not full is no reason to end

/// One fetch: its connection, its token and what is left of its time and size.
class Turn {
 public:
  Turn(const PodsOriginOptions& options, const Secret& token)
      : options_(options), token_(token), until_(Steady::now() + options.limits.whole) {}

  /// Any status but those of `fine` is an error.
  Result<WebAnswer> ask(const std::string& target, const char* accept, const std::string& what, const char* may,
                        std::initializer_list<int> fine) {
    WebRequest request;
    request.url = options_.api.server + target;
    request.ca_file = options_.api.ca_file;
    request.limits = options_.limits;
    request.limits.whole = std::chrono::duration_cast<std::chrono::milliseconds>(until_ - Steady::now());
    request.max_bytes = left_;
    if (request.limits.whole <= std::chrono::milliseconds(0))
      return Error{ErrorCode::unavailable, what, "it was not done in time", "give the baseline a longer `timeout`"};
    request.headers.emplace_back("Accept", accept);
    request.headers.emplace_back("Authorization", bearer(token_.view()));
    auto answer = connection_.exchange(request);
    if (!answer) return answer;
    left_ -= std::min(left_, answer->body.size());
    if (std::find(fine.begin(), fine.end(), answer->status) != fine.end()) return answer;
    return refused(what, *answer, "",
                   answer->status == 403 ? std::string("allow the agent's service account to ") + may
                                         : "is `endpoint` an API server?");
  }

 private:
  const PodsOriginOptions& options_;
  const Secret& token_;
  const Steady::time_point until_;
  std::size_t left_ = max_fetched_bytes;
  WebConnection connection_;
};

class PodsOrigin final : public Origin {
 public:
  explicit PodsOrigin(PodsOriginOptions options)
      : options_(std::move(options)), what_("list the pods of the node " + options_.node) {}

  Result<Fetched> fetch(const std::string& known,
                        const std::function<Result<void>(std::string_view bytes)>& take) override {
    const auto token = read_secret_line(options_.api.token_file);
    if (!token) return token.error();
    Turn turn(options_, *token);
    const bool before = !known.empty() && known == seen_.version;
    if (before) {
      std::string marks;
      std::size_t pods = 0;
      if (auto listed = list(turn, list_metadata, marks, [&](auto page) { return read_mark(what_, page, pods); });
          !listed)
        return listed.error();
      if (marks == seen_.marks) {
        const auto same = same_objects(turn);
        if (!same) return same.error();
        if (*same) return Fetched{true, known};
      }
    }
    Seen now;
    PodsDocument document;
    if (auto listed = list(turn, whole, now.marks, [&](auto page) { return document.add_pods(page); }); !listed)
      return listed.error();
    if (options_.pods) options_.pods->replace(document.take_register());
    now.pods = baseline::sha256(document.pods());
    if (before && now.pods == seen_.pods &&
        now.marks != seen_.marks) {  // their status changed, and nothing that matters
      const auto same = same_objects(turn);
      if (!same) return same.error();
      if (*same) {
        seen_.marks = now.marks;
        return Fetched{true, known};
      }
    }
    for (const auto& object : document.mounted()) {
      const auto mark = get(turn, object, whole, [&](auto answer) { return document.add_object(object, answer); });
      if (!mark) return mark.error();
      now.objects.emplace(object, *mark);
    }
    std::string all = to_hex(now.pods);
    for (const auto& [object, mark] : now.objects)
      all.append("\n" + object.resource + "/" + object.ns + "/" + object.name + " " + mark);
    now.version = to_hex(baseline::sha256(all));
    if (auto taken = take(document.finish()); !taken) return taken.error();
    seen_ = std::move(now);
    return Fetched{false, seen_.version};
  }

 private:
  /// What was last taken.
  struct Seen {
    std::string version;
    std::string marks;      ///< of the pods, with everything that changes by itself
    baseline::Sha256 pods;  ///< of what is kept of them
    std::map<MountedObject, std::string> objects;
  };

  /// Every page; `read` reads one.
  template <class Read>
  Result<void> list(Turn& turn, const char* accept, std::string& marks, const Read& read) const {
    const std::string first =
        "/api/v1/pods?fieldSelector=spec.nodeName%3D" + options_.node + "&limit=" + std::to_string(page_size);
    std::string target = first;
    for (int page = 0; page < most_pages; ++page) {
      const auto answer = turn.ask(target, accept, what_, "list pods", {200});
      if (!answer) return answer.error();
      const Result<ObjectMark> mark = read(std::string_view(answer->body));
      if (!mark) return mark.error();
      marks += mark->version;
      if (mark->more.empty()) return {};
      target = first + "&continue=";
      append_percent_encoded(target, mark->more);
    }
    return invalid(what_, "the list does not end", "is `endpoint` an API server?");
  }

  /// Its version, or the status that says that it is not to be had; `read` reads it.
  template <class Read>
  Result<std::string> get(Turn& turn, const MountedObject& object, const char* accept, const Read& read) const {
    const std::string what = "read " + object.resource + "/" + object.name + " of the namespace " + object.ns;
    const auto answer = turn.ask("/api/v1/namespaces/" + object.ns + "/" + object.resource + "/" + object.name, accept,
                                 what, "get it", {200, 403, 404});
    if (!answer) return answer.error();
    if (answer->status != 200) return std::to_string(answer->status);
    const Result<ObjectMark> mark = read(std::string_view(answer->body));
    if (!mark) return mark.error();
    return mark->version;
  }

  Result<bool> same_objects(Turn& turn) const {
    for (const auto& [object, known] : seen_.objects) {
      std::size_t items = 0;
      const auto mark =
          get(turn, object, object_metadata, [&](auto answer) { return read_mark(what_, answer, items); });
      if (!mark) return mark.error();
      if (*mark != known) return false;
    }
    return true;
  }

  const PodsOriginOptions options_;
  const std::string what_;
  Seen seen_;
};

/// As kubelet calls its node where it is not told.
std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "";
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

}  // namespace

Result<std::unique_ptr<Origin>> make_pods_origin(PodsOriginOptions options) {
  auto api = find_kubernetes_api(std::move(options.api));
  if (!api) return api.error();
  options.api = std::move(*api);
  if (options.node.empty()) options.node = variable(options.environment, "NODE_NAME");
  if (options.node.empty()) options.node = host_name();
  if (!is_kubernetes_name(options.node))
    return invalid("find the pods of this node", "its name is none that Kubernetes takes",
                   "give the baseline `node_name`, or the agent the variable NODE_NAME (spec.nodeName)");
  return std::unique_ptr<Origin>(new PodsOrigin(std::move(options)));
}

}  // namespace plumbline::fetch
