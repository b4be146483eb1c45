#include "baseline/source/terraform_identity.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "baseline/source/name_parts.hpp"
#include "baseline/value/byte_classes.hpp"

namespace plumbline::baseline {
namespace {

using Names = std::span<const std::string_view>;

constexpr std::size_t longest_id = 2048;  // an ARN has at most 2048 characters; an URL that is longer names nothing

struct OfType {
  std::string_view type;
  std::string_view name;
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

Names names_of(std::string_view provider) {
  if (provider == "aws") return ids_aws;
  if (provider == "google") return ids_google;
  if (provider == "azurerm") return ids_azurerm;
  return ids_others;
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

bool usable_id(std::string_view id) {
  if (id.empty() || id.size() > longest_id) return false;
  const unsigned classes = byte_classes(id);
  const bool may_have_control = (classes & needs_escape) != 0;
  return !(may_have_control &&
           std::any_of(id.begin(), id.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; })) &&
         !looks_sensitive(id, classes);
}

/// The ids of a resource, in place of those that it has: most are as long as those, and nothing is allocated.
class Ids {
 public:
  explicit Ids(std::vector<std::string>& ids) : ids_(ids) {}
  ~Ids() { ids_.resize(used_); }
  Ids(const Ids&) = delete;
  Ids& operator=(const Ids&) = delete;

  void add(std::string_view id) {
    const auto end = ids_.begin() + static_cast<std::ptrdiff_t>(used_);
    if (!usable_id(id) || std::find(ids_.begin(), end, id) != end) return;
    if (used_ < ids_.size())
      end->assign(id);
    else
      ids_.emplace_back(id);
    ++used_;
  }

 private:
  std::vector<std::string>& ids_;
  std::size_t used_ = 0;
};

void place(const NamingMembers& members, Resource& resource) {
  resource.region.clear();
  resource.account.clear();
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

bool has_values_only(const Resource& resource) {
  return std::find(std::begin(providers_of_values), std::end(providers_of_values), resource.provider) !=
         std::end(providers_of_values);
}

}  // namespace

bool NamingMembers::wants(std::string_view name) {
  return !name.empty() && name.size() <= longest_name && (first_characters[name.size()] & bit_of(name.front())) != 0;
}

void NamingMembers::add(std::string_view name, simdjson::dom::element value) {
  std::string_view text;
  std::int64_t number = 0;
  if (value.get_string().get(text) == simdjson::SUCCESS)
    add_text(name, text);
  else if (value.get_int64().get(number) == simdjson::SUCCESS)
    add_number(name, number);
}

const NamingMembers::Member* NamingMembers::find(std::string_view name) const {
  for (const auto& member : found_)
    if (member.name == name) return &member;
  return nullptr;
}

std::string_view NamingMembers::text(std::string_view name) const {
  const Member* member = find(name);
  return member != nullptr && member->kind == Kind::text ? member->text : std::string_view{};
}

bool NamingMembers::number(std::string_view name, std::int64_t& number) const {
  const Member* member = find(name);
  if (member == nullptr || member->kind != Kind::number) return false;
  number = member->number;
  return true;
}

std::vector<std::string_view> id_names_of(const Resource& resource, const std::vector<std::string>& sensitive) {
  std::vector<std::string_view> names;
  if (has_values_only(resource)) return names;
  const Names usual = names_of(resource.provider);
  names.assign(usual.begin(), usual.end());
  for (const auto& entry : ids_of_type)
    if (entry.type == resource.type) names.push_back(entry.name);
  // None of these names has parts.
  std::erase_if(names, [&](std::string_view name) {
    return std::any_of(sensitive.begin(), sensitive.end(),
                       [&](const std::string& path) { return path == name || path.empty(); });
  });
  return names;
}

void identify(const NamingMembers& members, const std::vector<std::string_view>& id_names, Resource& resource) {
  place(members, resource);
  Ids ids(resource.ids);
  for (const auto name : id_names) {
    std::int64_t number = 0;
    if (const auto id = members.text(name); !id.empty())
      ids.add(id);
    else if (name == "id" && members.number(name, number))
      ids.add(std::to_string(number));
  }
  // Older providers give an object no ARN, only its key, which every bucket may have.
  const bool is_object = resource.type == "aws_s3_object" || resource.type == "aws_s3_bucket_object";
  if (is_object && !has_values_only(resource) && members.text("arn").empty())
    if (const auto bucket = members.text("bucket"), key = members.text("key"); !bucket.empty() && !key.empty())
      ids.add("arn:aws:s3:::" + std::string(bucket) + "/" + std::string(key));
}

}  // namespace plumbline::baseline
