#include "baseline/kinds.hpp"

#include <array>
#include <cstring>
#include <set>

#include "baseline/source/ansible.hpp"
#include "baseline/source/cloud_init.hpp"
#include "baseline/source/cloudformation.hpp"
#include "baseline/source/ecs.hpp"
#include "baseline/source/helm.hpp"
#include "baseline/source/kubernetes.hpp"
#include "baseline/source/manifest.hpp"
#include "baseline/source/pulumi.hpp"
#include "baseline/source/puppet.hpp"
#include "baseline/source/systemd.hpp"
#include "baseline/source/terraform_json.hpp"
#include "baseline/source/terraform_state.hpp"
#include "baseline/value/json_stream.hpp"

namespace plumbline::baseline {
namespace {

constexpr std::array table{
    Kind{"terraform_state", "a Terraform or OpenTofu state, version 4", &read_terraform_state, true},
    Kind{"terraform_json", "what `terraform show -json` or `tofu show -json` prints of a state or plan",
         &read_terraform_json, true},
    Kind{"pulumi", "a Pulumi stack export or checkpoint", &read_pulumi, true},
    Kind{"cloudformation", "a CloudFormation stack: resources with template, or its drift", &read_cloudformation, true},
    Kind{"ecs", "ECS task definitions and services", &read_ecs, true},
    Kind{"kubernetes", "Kubernetes manifests or live objects", &read_kubernetes, true},
    Kind{"helm", "Helm release secrets", &read_helm, true},
    Kind{"ansible", "what Plumbline's callback plugin wrote", &read_ansible},
    Kind{"puppet_catalog", "a Puppet catalog", &read_puppet_catalog},
    Kind{"puppet_state", "Puppet's transactionstore.yaml", &read_puppet_state},
    Kind{"cloud_init", "cloud-init user data", &read_cloud_init},
    Kind{"systemd", "a systemd unit or drop-in", &read_systemd},
    Kind{"manifest", "a manifest of Plumbline", &read_manifest},
};

bool has_word(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

/// Keys of the outermost object, as far as `bytes` go.
std::set<std::string> outer_keys(std::string_view bytes) {
  std::set<std::string> keys;
  JsonStream stream(
      "guess",
      [bytes](char* to, std::size_t size) mutable -> Result<std::size_t> {
        const std::size_t part = std::min(size, bytes.size());
        if (part != 0) std::memcpy(to, bytes.data(), part);
        bytes.remove_prefix(part);
        return part;
      },
      bytes.size() + 1);
  stream.enter('{');
  while (auto key = stream.next_key()) {
    keys.insert(std::move(*key));
    stream.value();
  }
  return keys;
}

std::string_view name_of_json(std::string_view bytes) {
  const auto keys = outer_keys(bytes);
  const auto has = [&](const char* key) { return keys.contains(key); };
  if (has("format_version")) return "terraform_json";
  if (has("lineage") || has("terraform_version") || has("encrypted_data")) return "terraform_state";
  if (has("deployment") || has("checkpoint")) return "pulumi";
  for (const char* key : {"StackResources", "StackResourceSummaries", "StackResourceDrifts", "AWSTemplateFormatVersion",
                          "TemplateBody", "StackResourceDetail"})
    if (has(key)) return "cloudformation";
  if (has("taskDefinition") || has("taskDefinitions") || has("services")) return "ecs";
  if (has("format") && has_word(bytes.substr(0, 4096), "plumbline-ansible")) return "ansible";
  if (has("catalog_uuid") || has("catalog_format")) return "puppet_catalog";
  if (has("apiVersion") || has("kind")) return has_word(bytes, "helm.sh/release.v1") ? "helm" : "kubernetes";
  if (has("Resources")) return "cloudformation";
  return "";
}

/// Whether a line of `text` begins with `start`.
bool has_line(std::string_view text, std::string_view start) {
  for (std::size_t at = 0; (at = text.find(start, at)) != std::string_view::npos; ++at)
    if (at == 0 || text[at - 1] == '\n') return true;
  return false;
}

std::string_view name_of_text(std::string_view path, std::string_view text) {
  for (const char* start : {"#cloud-config", "#include", "## template: jinja", "#cloud-boothook", "#!", "\x1f\x8b",
                            "Content-Type: multipart", "MIME-Version:", "#part-handler"})
    if (text.starts_with(start)) return "cloud_init";
  for (const char* end : {".service", ".socket", ".timer", ".mount", ".path", ".target", ".slice", ".conf"})
    if (path.ends_with(end) && (has_line(text, "[") || text.starts_with('['))) return "systemd";
  if (has_line(text, "apiVersion: plumbline/")) return "manifest";
  if (has_line(text, "AWSTemplateFormatVersion:")) return "cloudformation";
  if (has_line(text, "apiVersion:")) return has_word(text, "type: helm.sh/release.v1") ? "helm" : "kubernetes";
  if (has_line(text, "Resources:")) return "cloudformation";
  if (has_line(text, "resources:") && path.ends_with("transactionstore.yaml")) return "puppet_state";
  return "";
}

}  // namespace

std::span<const Kind> kinds() {
  return table;
}

const Kind* find_kind(std::string_view name) {
  for (const auto& kind : table)
    if (kind.name == name) return &kind;
  return nullptr;
}

std::string kind_names() {
  std::string names;
  for (const auto& kind : table) names += (names.empty() ? "" : ", ") + std::string(kind.name);
  return names;
}

const Kind* guess_kind(std::string_view path, std::string_view bytes) {
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
  const auto first = bytes.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return nullptr;
  return find_kind(bytes[first] == '{' ? name_of_json(bytes) : name_of_text(path, bytes));
}

}  // namespace plumbline::baseline
