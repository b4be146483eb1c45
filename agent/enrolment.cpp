#include "agent/enrolment.hpp"

#include <spdlog/spdlog.h>

#include "access/authority.hpp"
#include "fetch/secret.hpp"
#include "fetch/web.hpp"
#include "include/util/own_folder.hpp"
#include "include/util/replace_file.hpp"
#include "include/util/thread.hpp"
#include "include/wire/json.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t longest_pem = 64 << 10;
constexpr std::size_t longest_answer = 128 << 10;

}  // namespace

Enrolment::Enrolment(EnrolmentOptions options, const Clock& clock) : options_(std::move(options)), clock_(clock) {
  options_.limits.stop = stopping_.get_token();
}

void Enrolment::start() {
  thread_ = start_thread("plumb-enrol", [this] { run(); });
}

void Enrolment::stop() {
  stopping_.request_stop();
  {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Enrolment::run() {
  std::string told;
  while (!stopping_.stop_requested()) {
    const auto done = step();
    const std::string why = done ? "" : done.error().message();
    if (why != told && !stopping_.stop_requested() && !why.empty())
      spdlog::warn("event=not_enrolled why=\"{}\"", wire::escape_bytes(why));
    told = why;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, done ? options_.look : options_.retry, [this] { return stopping_.stop_requested(); });
  }
}

/// This node's, made where it is missing.
Result<std::string> Enrolment::key() const {
  if (auto made = make_own_folder(options_.folder, "folder of this node's identity", "state_dir"); !made)
    return made.error();
  const std::string path = key_file(options_.folder);
  const auto kept = fetch::read_secret_file("read this node's key " + path, path, longest_pem);
  if (kept) return std::string(kept->view());
  if (kept.error().code != ErrorCode::not_found) return kept.error();
  auto made = access::make_key();
  if (!made) return made.error();
  if (auto written = replace_file(path, *made); !written) return written.error();
  return made;
}

Result<bool> Enrolment::step() {
  const std::string path = certificate_file(options_.folder);
  const auto kept = fetch::read_secret_file("read this node's certificate " + path, path, longest_pem);
  bool is_first = true;
  if (kept) {
    const auto lifetime = access::lifetime_of(std::string(kept->view()));
    const std::int64_t now = clock_.wall() / 1'000'000'000;
    if (lifetime && now < lifetime->from + (lifetime->until - lifetime->from) / 3 * 2) return true;
    is_first = !lifetime || now >= lifetime->until;  // what is over proves nothing: a token again
  }
  if (auto done = ask(is_first ? "/v1/enroll" : "/v1/enroll/renew", is_first); !done) return done.error();
  spdlog::info("event=enrolled first={}", is_first);
  return true;
}

Result<void> Enrolment::ask(const std::string& path, bool is_first) {
  const std::string what = is_first ? "enrol at " + options_.url : "renew this node's certificate at " + options_.url;
  auto pem = key();
  if (!pem) return pem.error();
  const auto secret = fetch::Secret::take(*pem);
  const auto signing = access::make_request(std::string(secret.view()));
  if (!signing) return signing.error();
  fetch::WebRequest request;
  request.method = "POST";
  request.url = options_.url + path;
  request.ca_file = options_.ca_file;
  request.limits = options_.limits;
  request.max_bytes = longest_answer;
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = wire::Json{{"request", *signing}}.dump();
  if (is_first) {
    const auto token = fetch::read_secret_line(options_.token_file);
    if (!token) return fetch::within(what, token.error());
    request.headers.emplace_back("Authorization", fetch::bearer(token->view()));
  } else {
    request.certificate_file = certificate_file(options_.folder);
    request.key_file = key_file(options_.folder);
  }
  const auto answer = fetch::exchange(request);
  if (!answer) return answer.error();
  const auto json = wire::Json::parse(answer->body, nullptr, false);
  if (answer->status != 201) {
    const auto why = json.is_object() ? json.find("why") : json.end();
    Error error = fetch::refused(what, *answer, "", "make a token for this node: plumb token create --node NAME");
    if (json.is_object() && why != json.end() && why->is_string())
      error.why += ": " + wire::escape_bytes(why->get<std::string>());
    return error;
  }
  const auto certificate = json.is_object() ? json.find("certificate") : json.end();
  if (!json.is_object() || certificate == json.end() || !certificate->is_string() ||
      !access::lifetime_of(certificate->get<std::string>()))
    return Error{ErrorCode::corrupt, what, "the answer holds no certificate", "is it a collector of this version?"};
  return replace_file(certificate_file(options_.folder), certificate->get<std::string>());
}

}  // namespace plumbline::agent
