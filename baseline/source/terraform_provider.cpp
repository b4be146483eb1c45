#include "baseline/source/terraform_provider.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "baseline/source/name_parts.hpp"
#include "baseline/value/attributes.hpp"
#include "baseline/value/byte_classes.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;
using Names = std::span<const std::string_view>;

constexpr std::size_t longest_id = 2048;  // an ARN has at most 2048 characters; an URL that is longer names nothing

// `timeouts` is about the tool's own patience, not about the thing.
constexpr std::string_view computed_everywhere[] = {
    "id",         "arn",        "self_link",  "etag",  "timeouts",         "uid",        "create_time", "update_time",
    "created_at", "updated_at", "generation", "links", "resource_version", "created_on", "modified_on",
};
constexpr std::string_view computed_aws[] = {
    "tags_all",
    "owner_id",
    "unique_id",
    "create_date",
    "created_date",
    "creation_date",
    "created_time",
    "creation_time",
    "last_modified",
    "last_modified_date",
    "last_updated_date",
    "invoke_arn",
    "qualified_arn",
    "qualified_invoke_arn",
    "execution_arn",
    "arn_without_revision",
    "dns_name",
    "hosted_zone_id",
    "bucket_domain_name",
    "bucket_regional_domain_name",
    "registry_id",
    "repository_url",
    "attachment_count",
    "policy_id",
    "source_code_size",
    "instance_state",
    "public_dns",
    "private_dns",
    "key_pair_id",
    "primary_network_interface_id",
    "latest_restorable_time",
    "domain_validation_options",
};
constexpr std::string_view computed_google[] = {
    "creation_timestamp", "fingerprint",           "label_fingerprint", "tags_fingerprint", "metadata_fingerprint",
    "effective_labels",   "effective_annotations", "terraform_labels",  "unique_id",        "generated_id",
    "numeric_id",         "project_number",        "current_status",    "cpu_platform",     "gateway_address",
    "self_link_unique",   "observed_generation",   "satisfies_pzs",     "satisfies_pzi",
};
constexpr std::string_view computed_azurerm[] = {
    "resource_guid",
    "outbound_ip_addresses",
    "possible_outbound_ip_addresses",
    "default_hostname",
    "vault_uri",
    "login_server",
    "primary_blob_endpoint",
    "primary_web_endpoint",
    "primary_blob_host",
    "primary_web_host",
    "secondary_blob_endpoint",
    "versionless_id",
    "resource_versionless_id",
    "creation_time",
    "virtual_machine_id",
};
// Nothing but a digest of the content, which FileExpectation holds.
constexpr std::string_view computed_local[] = {"content_md5",          "content_sha1",   "content_sha256",
                                               "content_base64sha256", "content_sha512", "content_base64sha512"};

struct OfType {
  std::string_view type;
  std::string_view name;
};

// Names that other types use for what their author declares.
constexpr OfType computed_of_type[] = {
    {"aws_acm_certificate", "status"},
    {"aws_cloudfront_distribution", "domain_name"},
    {"aws_cloudfront_distribution", "in_progress_validation_batches"},
    {"aws_cloudfront_distribution", "status"},
    {"aws_db_instance", "address"},
    {"aws_db_instance", "endpoint"},
    {"aws_db_instance", "engine_version_actual"},
    {"aws_db_instance", "resource_id"},
    {"aws_db_instance", "status"},
    {"aws_ecs_task_definition", "revision"},
    {"aws_eip", "association_id"},
    {"aws_eip", "public_ip"},
    {"aws_eks_cluster", "certificate_authority"},
    {"aws_eks_cluster", "created_at"},
    {"aws_eks_cluster", "endpoint"},
    {"aws_eks_cluster", "identity"},
    {"aws_eks_cluster", "platform_version"},
    {"aws_eks_cluster", "status"},
    {"aws_instance", "public_ip"},
    {"aws_key_pair", "fingerprint"},
    {"aws_lambda_function", "signing_job_arn"},
    {"aws_lambda_function", "signing_profile_version_arn"},
    {"aws_lambda_function", "version"},
    {"aws_launch_template", "latest_version"},
    {"aws_lb", "zone_id"},
    {"aws_rds_cluster", "cluster_resource_id"},
    {"aws_rds_cluster", "endpoint"},
    {"aws_rds_cluster", "engine_version_actual"},
    {"aws_rds_cluster", "reader_endpoint"},
    {"aws_route53_record", "fqdn"},
    {"aws_sqs_queue", "url"},
    {"aws_vpc", "default_network_acl_id"},
    {"aws_vpc", "default_route_table_id"},
    {"aws_vpc", "default_security_group_id"},
    {"aws_vpc", "dhcp_options_id"},
    {"aws_vpc", "ipv6_association_id"},
    {"aws_vpc", "main_route_table_id"},
    {"google_container_cluster", "endpoint"},
    {"google_container_cluster", "master_version"},
    {"google_container_cluster", "services_ipv4_cidr"},
    {"google_storage_bucket", "url"},
    {"helm_release", "metadata"},
    {"helm_release", "status"},
    {"terraform_data", "output"},
};

constexpr std::string_view secret_everywhere[] = {
    "environment",  "environment_variables", "container_definitions", "custom_data",
    "user_data",    "user_data_base64",      "startup_script",        "metadata_startup_script",
    "app_settings", "connection_string",     "auto_generated_values",
};
constexpr OfType secret_of_type[] = {
    {"aws_cloudformation_stack", "parameters"},
    {"aws_iam_access_key", "secret"},
    {"aws_iam_access_key", "ses_smtp_password_v4"},
    {"aws_secretsmanager_secret_version", "secret_binary"},
    {"aws_secretsmanager_secret_version", "secret_string"},
    {"aws_ssm_parameter", "value"},
    {"aws_ssm_parameter", "insecure_value"},
    {"azurerm_key_vault_secret", "value"},
    {"bcrypt_hash", "cleartext"},
    {"consul_key_prefix", "subkeys"},
    {"consul_keys", "key"},
    {"external", "result"},
    {"github_actions_secret", "encrypted_value"},
    {"github_actions_secret", "plaintext_value"},
    {"google_secret_manager_secret_version", "secret_data"},
    {"helm_release", "metadata"},
    {"helm_release", "set"},
    {"helm_release", "set_sensitive"},
    {"helm_release", "values"},
    {"kubernetes_secret", "binary_data"},
    {"kubernetes_secret", "data"},
    {"kubernetes_secret_v1", "binary_data"},
    {"kubernetes_secret_v1", "data"},
    {"local_file", "sensitive_content"},
    {"local_sensitive_file", "content"},
    {"local_sensitive_file", "content_base64"},
    {"null_resource", "triggers"},
    {"random_bytes", "base64"},
    {"random_bytes", "hex"},
    {"random_id", "b64_std"},
    {"random_id", "b64_url"},
    {"random_id", "dec"},
    {"random_id", "hex"},
    {"random_password", "bcrypt_hash"},
    {"random_password", "result"},
    {"random_string", "result"},
    {"tls_private_key", "private_key_openssh"},
    {"tls_private_key", "private_key_pem"},
    {"tls_private_key", "private_key_pem_pkcs8"},
    {"vault_generic_secret", "data"},
    {"vault_generic_secret", "data_json"},
    {"vault_kv_secret", "data"},
    {"vault_kv_secret", "data_json"},
    {"vault_kv_secret_v2", "data"},
    {"vault_kv_secret_v2", "data_json"},
};

// By which attributes a call may name the thing; only such as never name another one.
constexpr std::string_view ids_aws[] = {"id",  "arn",  "name",           "unique_id",
                                        "url", "fqdn", "repository_url", "qualified_arn"};
constexpr std::string_view ids_google[] = {"id", "self_link", "self_link_unique", "name", "unique_id", "email", "uri"};
constexpr std::string_view ids_azurerm[] = {"id", "name", "fqdn", "object_id", "client_id", "vault_uri"};
constexpr std::string_view ids_others[] = {"id", "arn", "self_link", "name", "fqdn", "uid"};
constexpr OfType ids_of_type[] = {
    {"aws_cloudfront_distribution", "domain_name"},
    {"aws_db_instance", "identifier"},
    {"aws_db_instance", "resource_id"},
    {"aws_elasticsearch_domain", "domain_name"},
    {"aws_opensearch_domain", "domain_name"},
    {"aws_rds_cluster", "cluster_resource_id"},
};
constexpr std::string_view providers_of_values[] = {"random",   "tls",     "local",     "null",     "terraform", "time",
                                                    "external", "archive", "cloudinit", "template", "http"};

Names names_of(std::string_view provider, Names aws, Names google, Names azurerm, Names others) {
  if (provider == "aws") return aws;
  if (provider == "google") return google;
  if (provider == "azurerm") return azurerm;
  return others;
}

void append_of_type(std::span<const OfType> table, std::string_view type, std::vector<std::string>& out) {
  for (const auto& entry : table)
    if (entry.type == type) out.emplace_back(entry.name);
}

constexpr std::string_view names_of_places[] = {"account_id", "owner_id", "project",         "region", "location",
                                                "zone",       "bucket",   "subscription_id", "key"};

constexpr std::size_t longest_name = 31;

constexpr std::uint64_t bit_of(char first) {
  return std::uint64_t{1} << (static_cast<unsigned char>(first) & 63u);
}

/// By length: the first characters of all names that NamingMembers is asked for.
constexpr std::array<std::uint64_t, longest_name + 1> first_characters = [] {
  std::array<std::uint64_t, longest_name + 1> marks{};
  for (const Names names :
       {Names(ids_aws), Names(ids_google), Names(ids_azurerm), Names(ids_others), Names(names_of_places)})
    for (const auto name : names) marks[name.size()] |= bit_of(name.front());
  for (const auto& entry : ids_of_type) marks[entry.name.size()] |= bit_of(entry.name.front());
  return marks;
}();

bool may_be_wanted(std::string_view key) {
  return !key.empty() && key.size() <= longest_name && (first_characters[key.size()] & bit_of(key.front())) != 0;
}

/// The members of an instance that may name or place it, found in one walk: asking an object for each of a dozen names
/// would walk it a dozen times.
class NamingMembers {
 public:
  explicit NamingMembers(const object& members) {
    found_.reserve(16);
    for (auto member = members.begin(); member != members.end(); ++member)
      if (const std::string_view key = member.key(); may_be_wanted(key)) found_.emplace_back(key, member.value());
  }

  /// nullptr where there is none.
  const element* find(std::string_view name) const {
    for (const auto& [key, value] : found_)
      if (key == name) return &value;
    return nullptr;
  }
  /// One that is text; "" where there is none.
  std::string_view text(std::string_view name) const {
    const element* value = find(name);
    std::string_view text;
    return value != nullptr && value->get_string().get(text) == simdjson::SUCCESS ? text : std::string_view{};
  }

 private:
  std::vector<std::pair<std::string_view, element>> found_;
};

bool usable_id(std::string_view id) {
  if (id.empty() || id.size() > longest_id) return false;
  const unsigned classes = byte_classes(id);
  const bool may_have_control = (classes & needs_escape) != 0;
  return !(may_have_control &&
           std::any_of(id.begin(), id.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; })) &&
         !looks_sensitive(id, classes);
}

void add_id(std::string_view id, Resource& resource) {
  if (usable_id(id) && std::find(resource.ids.begin(), resource.ids.end(), id) == resource.ids.end())
    resource.ids.emplace_back(id);
}

void place(const NamingMembers& members, Resource& resource) {
  const auto id = members.text("id");
  if (resource.provider == "aws") {
    const auto arn = first_of({members.text("arn"), id});
    resource.region = arn_part(arn, arn_region);
    resource.account = arn_part(arn, arn_account);
    if (resource.region.empty()) resource.region = members.text("region");
    if (resource.account.empty()) resource.account = first_of({members.text("account_id"), members.text("owner_id")});
  } else if (resource.provider == "google") {
    const auto link = first_of({members.text("self_link"), id});
    resource.account = first_of({members.text("project"), part_after(link, "projects")});
    const auto place =
        first_of({members.text("region"), members.text("location"), members.text("zone"), part_after(link, "regions"),
                  part_after(link, "zones"), part_after(link, "locations")});
    resource.region = last_part(place);
  } else if (resource.provider == "azurerm") {
    resource.account = first_of({part_after(id, "subscriptions"), members.text("subscription_id")});
    resource.region = members.text("location");
  } else {
    resource.region = members.text("region");
  }
}

}  // namespace

std::string terraform_provider_name(std::string_view provider) {
  if (const auto quoted = provider.find("provider[\""); quoted != std::string_view::npos) {
    provider.remove_prefix(quoted + 10);
    provider = provider.substr(0, provider.find('"'));
  } else if (const auto legacy = provider.rfind("provider."); legacy != std::string_view::npos) {
    provider.remove_prefix(legacy + 9);
    provider = provider.substr(0, provider.find('.'));
  }
  provider = last_part(provider);
  const bool plain = std::all_of(provider.begin(), provider.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  if (!plain || provider.size() > 64) return "";
  if (provider == "google-beta") return "google";
  if (provider == "awscc") return "aws";
  if (provider == "azapi") return "azurerm";
  return std::string(provider);
}

void append_computed(std::string_view provider, std::string_view type, std::vector<std::string>& out) {
  out.insert(out.end(), std::begin(computed_everywhere), std::end(computed_everywhere));
  const Names own = provider == "local" ? Names(computed_local)
                                        : names_of(provider, computed_aws, computed_google, computed_azurerm, {});
  out.insert(out.end(), own.begin(), own.end());
  append_of_type(computed_of_type, type, out);
}

void append_always_sensitive(std::string_view type, std::vector<std::string>& out) {
  out.insert(out.end(), std::begin(secret_everywhere), std::end(secret_everywhere));
  append_of_type(secret_of_type, type, out);
}

void identify(object attributes, const std::vector<std::string>& sensitive, Resource& resource) {
  resource.ids.clear();
  resource.region.clear();
  resource.account.clear();
  const NamingMembers members(attributes);
  place(members, resource);
  if (std::find(std::begin(providers_of_values), std::end(providers_of_values), resource.provider) !=
      std::end(providers_of_values))
    return;
  const auto add = [&](std::string_view name) {
    const element* value = members.find(name);
    if (value == nullptr) return;
    // None of these names has parts.
    if (std::any_of(sensitive.begin(), sensitive.end(),
                    [&](const std::string& path) { return path == name || path.empty(); }))
      return;
    std::string_view id;
    std::int64_t number = 0;
    if (value->get_string().get(id) == simdjson::SUCCESS) {
      add_id(id, resource);
    } else if (name == "id" && value->get_int64().get(number) == simdjson::SUCCESS) {
      add_id(std::to_string(number), resource);
    }
  };
  for (const auto name : names_of(resource.provider, ids_aws, ids_google, ids_azurerm, ids_others)) add(name);
  for (const auto& entry : ids_of_type)
    if (entry.type == resource.type) add(entry.name);
  // Older providers give an object no ARN, only its key, which every bucket may have.
  if ((resource.type == "aws_s3_object" || resource.type == "aws_s3_bucket_object") && members.text("arn").empty())
    if (const auto bucket = members.text("bucket"), key = members.text("key"); !bucket.empty() && !key.empty())
      add_id("arn:aws:s3:::" + std::string(bucket) + "/" + std::string(key), resource);
}

}  // namespace plumbline::baseline
