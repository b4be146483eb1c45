#include "fetch/docker_container.hpp"

#include <initializer_list>

#include "fetch/secret_document.hpp"

namespace plumbline::fetch {
namespace {

constexpr std::size_t max_file_bytes = std::size_t{1} << 20;
constexpr std::size_t max_text_bytes = 1024;  // an image's reference has 511 at most, an ARN of ECS some 200
constexpr const char* fix = "is it Docker's own file?";

/// "ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/ID" of an environment → "ID": amazon-ecs-agent,
/// agent/api/container/container.go.
Secret metadata_id_of(const SecretDocument& document) {
  constexpr std::string_view variable = "ECS_CONTAINER_METADATA_URI_V4=";
  for (const std::string_view text : document.texts({"Config", "Env"})) {
    if (!text.starts_with(variable)) continue;
    const auto id = text.substr(text.rfind('/') + 1);
    const bool fine = !id.empty() && id.size() <= 64 &&
                      id.find_first_not_of(
                          "0123456789abcdefghijklmnopqrstuvwxyz"
                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") == std::string_view::npos;
    return fine ? Secret(id) : Secret();
  }
  return {};
}

/// "sha256:…" of the manifest, where Docker keeps it or was asked for it by that; else the image's id, which is the
/// digest of its configuration.
std::string image_digest_of(const SecretDocument& document, std::string_view image) {
  if (const auto manifest = document.text({"ImageManifest", "digest"}); !manifest.empty()) return std::string(manifest);
  if (const auto at = image.find("@sha256:"); at != std::string_view::npos) return std::string(image.substr(at + 1));
  return std::string(document.text({"Image"}));
}

}  // namespace

bool is_docker_id(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<DockerContainer> read_docker_container(const std::string& folder, const std::string& id) {
  const std::string path = folder + "/" + id + "/config.v2.json", what = "read " + path;
  const auto bytes = read_secret_file(what, path, max_file_bytes);
  if (!bytes) return bytes.error();
  const auto document = SecretDocument::parse(bytes->view());
  if (!document) return invalid(what, "it is no JSON object", fix);
  if (document->text({"ID"}) != id) return invalid(what, "it is of another container", fix);

  std::string too_long;
  const auto text = [&](std::initializer_list<const char*> at) {
    const auto value = document->text(at);
    if (value.size() > max_text_bytes) too_long = *(at.end() - 1);
    return value.size() > max_text_bytes ? std::string() : std::string(value);
  };
  // amazon-ecs-agent, agent/engine/docker_task_engine.go
  const auto label = [&](const char* name) { return text({"Config", "Labels", name}); };
  DockerContainer container;
  container.name = text({"Name"});
  if (container.name.starts_with('/')) container.name.erase(0, 1);
  container.image = text({"Config", "Image"});
  container.image_digest = image_digest_of(*document, container.image);
  if (container.image_digest.size() > max_text_bytes) too_long = "Image";
  if (std::string task = label("com.amazonaws.ecs.task-arn"); !task.empty()) {
    container.task = wire::EcsTask{.cluster = label("com.amazonaws.ecs.cluster"),
                                   .task = std::move(task),
                                   .family = label("com.amazonaws.ecs.task-definition-family"),
                                   .revision = label("com.amazonaws.ecs.task-definition-version"),
                                   .container = label("com.amazonaws.ecs.container-name"),
                                   .service = {}};
    container.metadata_id = metadata_id_of(*document);
  }
  if (!too_long.empty())
    return invalid(what, "`" + too_long + "` has more than " + std::to_string(max_text_bytes) + " bytes", fix);
  return container;
}

}  // namespace plumbline::fetch
