#include "access/token_keyring.hpp"

#include <cerrno>
#include <fstream>
#include <utility>

#include "fetch/file_origin.hpp"
#include "fetch/http_origin.hpp"
#include "fetch/kubernetes_origin.hpp"
#include "include/util/thread.hpp"

namespace plumbline::access {
namespace {

/// https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
constexpr const char* jwks_path = "/openid/v1/jwks";

Result<std::string> text_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return io_error("read the keys of " + path, errno);
  std::string text(cloud::TokenKeys::most_bytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

Result<std::unique_ptr<fetch::Origin>> origin_of(const TokenKeysConfig& config, const fetch::FetchLimits& limits) {
  if (config.from.starts_with('/')) return fetch::make_file_origin(config.from);
  if (config.from != "kubernetes")
    return fetch::make_http_origin({config.from, config.token_file, config.ca_file, limits});
  const auto api = fetch::find_kubernetes_api({"", config.token_file, config.ca_file});
  if (!api) return api.error();
  return fetch::make_http_origin({api->server + jwks_path, api->token_file, api->ca_file, limits});
}

}  // namespace

TokenKeyring::TokenKeyring(std::vector<Place> places, std::stop_source stop, Intervals intervals, Tell tell)
    : intervals_(intervals), tell_(std::move(tell)), stop_(std::move(stop)) {
  for (auto& place : places) {
    rows_.push_back({place.from, 0, "not asked yet"});
    held_.push_back({std::move(place), "", "", "not asked yet", 0});
  }
}

TokenKeyring::~TokenKeyring() {
  {
    const std::lock_guard lock(mutex_);
    stop_.request_stop();
  }
  stopped_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void TokenKeyring::start() {
  thread_ = start_thread("plumb-keys", [this] { run(); });
}

void TokenKeyring::run() {
  while (!stop_.stop_requested()) {
    bool has_all = true;
    for (auto& held : held_) has_all = ask(held) && has_all;
    rebuild();
    std::unique_lock lock(mutex_);
    stopped_.wait_for(lock, has_all ? intervals_.next : intervals_.retry, [this] { return stop_.stop_requested(); });
  }
}

bool TokenKeyring::ask(Held& held) {
  const auto fetched = held.place.origin->fetch(held.version, [&](std::string_view bytes) -> Result<void> {
    auto text = bytes.data() == nullptr ? text_of_file(held.place.from) : Result<std::string>(std::string(bytes));
    if (!text) return text.error();
    cloud::TokenKeys alone;
    if (auto added = alone.add_jwks(held.place.from, *text); !added) return added;
    held.jwks = std::move(*text);
    held.keys = alone.size();
    return {};
  });
  std::string why = fetched ? "" : fetched.error().message();
  if (fetched) held.version = fetched->version;
  if (why != held.why && tell_ && !stop_.stop_requested()) tell_({held.place.from, held.keys, why});
  held.why = std::move(why);
  return fetched.has_value();
}

void TokenKeyring::rebuild() {
  auto all = std::make_shared<cloud::TokenKeys>();
  std::vector<Row> rows;
  for (auto& held : held_) {
    if (!held.jwks.empty())
      if (auto added = all->add_jwks(held.place.from, held.jwks, held.place.issuer); !added && held.why.empty())
        held.why = added.error().message();  // together they are too many
    rows.push_back({held.place.from, held.keys, held.why});
  }
  const std::lock_guard lock(mutex_);
  rows_ = std::move(rows);
  if (all->size() > 0) keys_ = std::move(all);
}

std::shared_ptr<const cloud::TokenKeys> TokenKeyring::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

std::vector<TokenKeyring::Row> TokenKeyring::rows() const {
  const std::lock_guard lock(mutex_);
  return rows_;
}

Result<std::unique_ptr<TokenKeyring>> TokenKeyring::make(const std::vector<TokenKeysConfig>& wanted,
                                                         const std::string& key, Tell tell) {
  std::stop_source stop;
  fetch::FetchLimits limits;
  limits.stop = stop.get_token();
  std::vector<Place> places;
  for (const auto& one : wanted) {
    auto origin = origin_of(one, limits);
    if (!origin) {
      Error error = origin.error();
      error.what = key + ", " + one.from + ": " + error.what;
      return error;
    }
    places.push_back({one.from, std::move(*origin), {one.issuer, one.cluster}});
  }
  if (places.empty()) return nullptr;
  return std::make_unique<TokenKeyring>(std::move(places), std::move(stop), Intervals(), std::move(tell));
}

}  // namespace plumbline::access
