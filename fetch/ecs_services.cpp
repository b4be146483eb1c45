#include "fetch/ecs_services.hpp"

#include <filesystem>

#include "fetch/docker_container.hpp"
#include "fetch/secret_document.hpp"
#include "fetch/web.hpp"
#include "include/util/thread.hpp"

namespace plumbline::fetch {
namespace {

constexpr std::size_t max_containers = 4096;
constexpr int most_failures = 6;  // the agent learns of a container somewhat after Docker does
constexpr std::size_t max_answer_bytes = std::size_t{1} << 20;
constexpr std::size_t max_service_bytes = 255;  // what ECS lets a service be called

}  // namespace

EcsServices::EcsServices(EcsServicesOptions options, std::function<void(const Round&)> told)
    : options_(std::move(options)), told_(std::move(told)) {}

EcsServices::~EcsServices() {
  stop();
}

void EcsServices::start() {
  thread_ = start_thread("plumb-ecs", [this] { run(); });
}

void EcsServices::stop() {
  stopping_.request_stop();
  {
    const std::lock_guard lock(mutex_);  // it is not between its look at stopping_ and its wait
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

std::string EcsServices::service_of(const std::string& container_id) const {
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(container_id);
  return known == known_.end() ? std::string() : known->second.service;
}

void EcsServices::run() {
  while (!stopping_.stop_requested()) {
    const Round round = look();
    if (stopping_.stop_requested()) return;
    told_(round);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, options_.interval, [this] { return stopping_.stop_requested(); });
  }
}

EcsServices::Round EcsServices::look() {
  Round round;
  std::set<std::string> here;
  std::error_code error;
  for (auto it = std::filesystem::directory_iterator(options_.containers, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    std::string id = it->path().filename().string();
    if (!is_docker_id(id)) continue;
    if (here.size() < max_containers)
      here.insert(std::move(id));
    else
      ++round.crowded;
  }
  if (error) round.why = "list " + options_.containers + ": " + error.message();

  bool answers = true;
  std::map<std::string, Known> fresh = known_;  // this thread alone writes it
  std::erase_if(fresh, [&](const auto& entry) { return !here.contains(entry.first); });
  for (const auto& id : here) {
    Known& known = fresh[id];
    if (!known.settled && answers) answers = ask(id, known, round);
    if (known.settled) ++round.known;
    if (stopping_.stop_requested()) break;
  }
  const std::lock_guard lock(mutex_);
  known_ = std::move(fresh);
  return round;
}

/// False where nobody answers: whoever is next would wait in vain as well.
bool EcsServices::ask(const std::string& id, Known& known, Round& round) {
  const auto container = read_docker_container(options_.containers, id);
  if (container && container->metadata_id.empty()) {
    known.settled = true;
    return true;
  }
  int status = 0;
  const auto service = container ? service_by(container->metadata_id.view(), container->task->task, status)
                                 : Result<std::string>(container.error());
  if (service) {
    known.service = *service;
    known.settled = true;
    return true;
  }
  ++round.failed;
  round.why = service.error().message();
  if (service.error().code == ErrorCode::unavailable) return status >= 500;  // of this task alone
  known.settled = ++known.failures >= most_failures;
  return true;
}

/// `unavailable`: ask again later. `status`: of the answer; 0 = none came.
Result<std::string> EcsServices::service_by(std::string_view metadata_id, const std::string& task, int& status) const {
  const std::string what = "ask ECS' agent at " + options_.metadata_url + " for a task";
  WebRequest request;
  request.url.reserve(options_.metadata_url.size() + metadata_id.size() + 16);
  request.url.append(options_.metadata_url).append("/v4/").append(metadata_id).append("/task");
  request.limits = {options_.timeout, options_.timeout, stopping_.get_token()};
  request.max_bytes = max_answer_bytes;
  const auto answer = exchange(request);
  if (!answer) return within(what, answer.error());
  status = answer->status;
  if (answer->status == 429 || answer->status >= 500)
    return Error{ErrorCode::unavailable, what, "it answers " + std::to_string(answer->status), "it is asked again"};
  if (answer->status != 200)
    return Error{ErrorCode::not_found, what, "it answers " + std::to_string(answer->status), "is it ECS' agent?"};
  const auto document = SecretDocument::parse(answer->body);
  if (!document) return invalid(what, "its answer is no JSON object", "is it ECS' agent?");
  // Whoever wrote the container's environment may have named another's endpoint.
  if (document->text({"TaskARN"}) != task) return invalid(what, "it answers for another task than the label's");
  const auto service = document->text({"ServiceName"});
  if (service.size() > max_service_bytes) return invalid(what, "the service's name is longer than ECS allows");
  return std::string(service);
}

}  // namespace plumbline::fetch
