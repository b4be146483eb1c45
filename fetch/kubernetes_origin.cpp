#include "fetch/kubernetes_origin.hpp"

#include <simdjson.h>

#include <algorithm>

#include "baseline/source/base64.hpp"
#include "baseline/source/gunzip.hpp"
#include "fetch/environment.hpp"
#include "fetch/secret.hpp"
#include "fetch/web.hpp"
#include "http/url.hpp"

namespace plumbline::fetch {
namespace {

constexpr const char* own_token = "/var/run/secrets/kubernetes.io/serviceaccount/token";
constexpr const char* own_ca = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
// https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
constexpr const char* metadata_only = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

class KubernetesOrigin final : public Origin {
 public:
  explicit KubernetesOrigin(KubernetesOriginOptions options) : options_(std::move(options)) {
    const auto& w = options_.where;
    path_ = "/api/v1/namespaces/" + w.object_namespace + "/" + w.resource + "/" + w.name;
    shown_ = w.resource + "/" + w.name + " of the namespace " + w.object_namespace;
  }

  Result<Fetched> fetch(const std::string& known,
                        const std::function<Result<void>(std::string_view bytes)>& take) override {
    if (!known.empty()) {
      const auto head = ask(metadata_only);
      if (!head) return head.error();
      const auto version = version_of(*head);
      if (!version) return version.error();
      if (*version == known) return Fetched{true, known};
    }
    const auto answer = ask("application/json");
    if (!answer) return answer.error();
    const auto version = version_of(*answer);
    if (!version) return version.error();
    const auto value = value_of(*answer);
    if (!value) return value.error();
    if (auto taken = take(value->view()); !taken) return taken.error();
    return Fetched{false, *version};
  }

 private:
  Result<WebAnswer> ask(const char* accept) const {
    const auto token = read_secret_line(options_.api.token_file);
    if (!token) return token.error();
    WebRequest request;
    request.url = options_.api.server + path_;
    request.ca_file = options_.api.ca_file;
    request.limits = options_.limits;
    request.headers.emplace_back("Accept", accept);
    request.headers.emplace_back("Authorization", bearer(token->view()));
    auto answer = exchange(request);
    if (!answer || answer->status == 200) return answer;
    return refused("read " + shown_, *answer, "",
                   answer->status == 403 ? "allow the agent's service account to get it" : "does it exist?");
  }

  /// With the UID, which only those know who may read the object: whoever had this version is a run (agent/correlate).
  Result<std::string> version_of(const WebAnswer& answer) const {
    simdjson::dom::parser parser;
    simdjson::dom::element object;
    std::string_view uid, version;
    if (parser.parse(simdjson::padded_string(std::string_view(answer.body))).get(object) != simdjson::SUCCESS ||
        object.at_pointer("/metadata/resourceVersion").get_string().get(version) != simdjson::SUCCESS)
      return invalid("read " + shown_, "the answer is no object of Kubernetes", "is `endpoint` an API server?");
    if (object.at_pointer("/metadata/uid").get_string().get(uid) != simdjson::SUCCESS) return std::string(version);
    return std::string(uid) + "/" + std::string(version);
  }

  Result<Secret> value_of(const WebAnswer& answer) const {
    const std::string what = "read " + shown_;
    const auto& w = options_.where;
    simdjson::dom::parser parser;
    const simdjson::padded_string bytes(std::string_view(answer.body));
    simdjson::dom::element object;
    if (parser.parse(bytes).get(object) != simdjson::SUCCESS)
      return invalid(what, "the answer is no object of Kubernetes", "is `endpoint` an API server?");
    std::string_view text;
    Secret value;
    const bool plain = w.resource == "configmaps" && object["data"][w.key].get_string().get(text) == simdjson::SUCCESS;
    if (plain) {
      value = Secret(text);
    } else {
      const char* field = w.resource == "configmaps" ? "binaryData" : "data";
      if (object[field][w.key].get_string().get(text) != simdjson::SUCCESS)
        return Error{ErrorCode::not_found, what, "it has no key " + w.key,
                     "name the key: kubernetes://NAMESPACE/secrets/NAME/KEY"};
      auto decoded = baseline::decode_base64(text, baseline::Base64::strict);
      if (!decoded) return invalid(what, "the value of " + w.key + " is no base64");
      value = Secret::take(*decoded);
    }
    if (!baseline::is_gzip(value.view())) return value;
    auto whole = baseline::gunzip(value.view(), max_fetched_bytes);
    if (!whole) return invalid(what, "the value of " + w.key + " is damaged: " + whole.error().why);
    return Secret::take(*whole);
  }

  const KubernetesOriginOptions options_;
  std::string path_, shown_;
};

}  // namespace

bool is_kubernetes_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_'; });
}

Result<KubernetesLocation> parse_kubernetes_location(const std::string& location) {
  constexpr std::string_view scheme = "kubernetes://";
  const std::string what = "read the location of a source";
  std::vector<std::string> parts;
  for (std::string rest = location.substr(std::min(scheme.size(), location.size())); !rest.empty();) {
    const auto slash = rest.find('/');
    parts.push_back(rest.substr(0, slash));
    rest = slash == std::string::npos ? "" : rest.substr(slash + 1);
  }
  const bool secret = parts.size() >= 3 && parts[1] == "secrets";
  const bool map = parts.size() == 4 && parts[1] == "configmaps";
  if (!location.starts_with(scheme) || (!secret && !map) || parts.size() > 4 ||
      !std::all_of(parts.begin(), parts.end(), is_kubernetes_name))
    return invalid(what, "it names no Secret and no ConfigMap",
                   "write kubernetes://NAMESPACE/secrets/NAME, …/secrets/NAME/KEY or …/configmaps/NAME/KEY, or for the "
                   "pods of this node kubernetes:///pods");
  return KubernetesLocation{parts[0], parts[1], parts[2], parts.size() == 4 ? parts[3] : "tfstate"};
}

Result<KubernetesApi> find_kubernetes_api(KubernetesApi api) {
  const std::string what = "find the API server of a source";
  if (api.server.empty()) {
    const std::string host = variable({}, "KUBERNETES_SERVICE_HOST"), port = variable({}, "KUBERNETES_SERVICE_PORT");
    if (host.empty() || port.empty())
      return invalid(what, "the agent runs in no cluster", "give the baseline `endpoint`, `token_file` and `ca_file`");
    const bool v6 = host.find(':') != std::string::npos;
    api.server = "https://" + (v6 ? "[" + host + "]" : host) + ":" + port;
    if (api.ca_file.empty()) api.ca_file = own_ca;
  }
  if (api.token_file.empty()) api.token_file = own_token;
  if (const auto safe = safe_for_secrets(what, api.server); !safe) return safe.error();
  api.server = http::parse_url(what, api.server)->origin;
  return api;
}

Result<std::unique_ptr<Origin>> make_kubernetes_origin(KubernetesOriginOptions options) {
  auto api = find_kubernetes_api(std::move(options.api));
  if (!api) return api.error();
  options.api = std::move(*api);
  return std::unique_ptr<Origin>(new KubernetesOrigin(std::move(options)));
}

}  // namespace plumbline::fetch
