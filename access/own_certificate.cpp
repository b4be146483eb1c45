#include "access/own_certificate.hpp"

#include "fetch/secret.hpp"
#include "fetch/web.hpp"
#include "include/util/own_folder.hpp"
#include "include/util/replace_file.hpp"
#include "include/util/thread.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::access {
namespace {

constexpr std::size_t longest_pem = 64 << 10;
constexpr std::size_t longest_answer = 1 << 20;
constexpr std::int64_t second = 1'000'000'000;
/// The ConfigMap is told again and again: somebody may have emptied it. An API server writes nothing where nothing
/// changes.
constexpr std::chrono::seconds look_again{60}, try_again{5};

}  // namespace

OwnCertificate::OwnCertificate(OwnCertificateConfig config, const Clock& clock, Tell tell)
    : config_(std::move(config)), clock_(clock), tell_(std::move(tell)) {
  limits_.stop = stopping_.get_token();
}

Result<std::unique_ptr<OwnCertificate>> OwnCertificate::open(OwnCertificateConfig config, const Clock& clock,
                                                             Tell tell) {
  std::unique_ptr<OwnCertificate> own(new OwnCertificate(std::move(config), clock, std::move(tell)));
  const auto& its = own->config_;
  if (!its.authority_key.empty())
    if (auto made = make_own_folder(its.folder, "folder of this server's certificate", "tls.own"); !made)
      return made.error();
  auto authority = its.authority_key.empty()
                       ? Authority::open(its.folder, AuthorityOf::server)
                       : Authority::read({its.authority_key, its.authority_certificate}, AuthorityOf::server);
  if (!authority) return authority.error();
  own->authority_ = std::move(*authority);
  // Anew at each start, since its names may be others now.
  if (auto made = own->renew(); !made) return made.error();
  return own;
}

void OwnCertificate::start() {
  thread_ = start_thread("own-certificate", [this] { run(); });
}

void OwnCertificate::stop() {
  stopping_.request_stop();
  {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void OwnCertificate::run() {
  bool is_first = true;
  while (!stopping_.stop_requested()) {
    const std::string before = state().trouble;
    const auto done = step();
    if (stopping_.stop_requested()) return;
    if (const State now = state(); tell_ && (is_first || now.trouble != before)) tell_(now);
    is_first = false;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, done ? look_again : try_again, [this] { return stopping_.stop_requested(); });
  }
}

Result<void> OwnCertificate::step() {
  Result<void> done;
  const std::string path = certificate_file();
  const auto kept = fetch::read_secret_file("read this server's certificate " + path, path, longest_pem);
  const auto lifetime = kept ? lifetime_of(std::string(kept->view())) : kept.error();
  if (!lifetime || clock_.wall() / second >= lifetime->from + (lifetime->until - lifetime->from) / 3 * 2) {
    done = renew();
    const std::lock_guard lock(mutex_);
    if (done) ++state_.renewals;
  }
  if (done && !config_.config_map.empty()) done = publish();
  const std::lock_guard lock(mutex_);
  if (!done) ++state_.failures;
  state_.trouble = done ? "" : done.error().message();
  return done;
}

OwnCertificate::State OwnCertificate::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

/// By the same key each time: so one file is replaced, and never two that do not fit.
Result<void> OwnCertificate::renew() {
  const std::string path = key_file();
  auto kept = fetch::read_secret_file("read this server's key " + path, path, longest_pem);
  if (!kept && kept.error().code != ErrorCode::not_found) return kept.error();
  fetch::Secret key = kept ? std::move(*kept) : fetch::Secret();
  if (key.empty()) {
    auto made = make_key();
    if (!made) return made.error();
    key = fetch::Secret::take(*made);
    if (auto written = replace_file(path, key.view()); !written) return written.error();
  }
  const auto request = make_request(std::string(key.view()));
  if (!request) return request.error();
  const auto certificate = authority_->sign_server(*request, config_.names, config_.lasts);
  if (!certificate) return certificate.error();
  return replace_file(certificate_file(), *certificate);
}

/// https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-apply (a merge patch)
Result<void> OwnCertificate::publish() {
  const std::string what = "tell the ConfigMap " + config_.config_map + " who signs this server's certificate";
  const auto authority = fetch::read_secret_file(what, authority_->ca_file(), longest_pem);
  if (!authority) return authority.error();
  const auto slash = config_.config_map.find('/');
  fetch::WebRequest request;
  request.method = "PATCH";
  request.url = config_.api.server + "/api/v1/namespaces/" + config_.config_map.substr(0, slash) + "/configmaps/" +
                config_.config_map.substr(slash + 1);
  request.ca_file = config_.api.ca_file;
  request.limits = limits_;
  request.max_bytes = longest_answer;
  request.headers.emplace_back("Content-Type", "application/merge-patch+json");
  request.headers.emplace_back("Accept", "application/json");
  request.body =
      wire::JsonObject().raw("data", wire::JsonObject().text("ca.crt", std::string(authority->view())).str()).str();
  const auto token = fetch::read_secret_line(config_.api.token_file);
  if (!token) return fetch::within(what, token.error());
  request.headers.emplace_back("Authorization", fetch::bearer(token->view()));
  const auto answer = fetch::exchange(request);
  if (!answer) return fetch::within(what, answer.error());
  if (answer->status == 200) return {};
  return fetch::refused(what, *answer, "",
                        "let this pod's service account `patch` that ConfigMap, which has to be there");
}

}  // namespace plumbline::access
