#include "baseline/source/terraform_provider.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "baseline/source/name_parts.hpp"

namespace plumbline::baseline {
namespace {

using Names = std::span<const std::string_view>;

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

AttributeRules::Merged merged_tags(std::string_view provider) {
  if (provider != "aws") return {};
  return {"tags", "tags_all"};
}

void append_always_sensitive(std::string_view type, std::vector<std::string>& out) {
  out.insert(out.end(), std::begin(secret_everywhere), std::end(secret_everywhere));
  append_of_type(secret_of_type, type, out);
}

}  // namespace plumbline::baseline
