#include "agent/correlate/call_owners.hpp"

#include <algorithm>
#include <cctype>
#include <tuple>

namespace plumbline::agent {
namespace {

std::string letters_of(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// "aws_security_group" → "securitygroup"; "AWS::EC2::SecurityGroup" → "securitygroup".
std::string noun_of(std::string_view type) {
  if (const auto colons = type.rfind("::"); colons != std::string_view::npos)
    return letters_of(type.substr(colons + 2));
  const auto prefix = type.find('_');
  return letters_of(prefix == std::string_view::npos ? type : type.substr(prefix + 1));
}

/// Whether a type of Pulumi's bridged provider ("aws:rds/instance:Instance") is called as this one of Terraform or
/// CloudFormation is: "aws_security_group" is "aws:ec2/securityGroup:…", "aws_s3_bucket" "aws:s3/bucket:…",
/// "AWS::RDS::DBInstance" "aws:rds/instance:…". That is enough where the id is the same.
bool is_called_alike(std::string_view pulumi, std::string_view name) {
  const auto module_at = pulumi.find(':') + 1, slash = pulumi.find('/', module_at), type_at = pulumi.rfind(':');
  const std::string module = letters_of(pulumi.substr(module_at, slash - module_at));
  const std::string noun = letters_of(pulumi.substr(slash + 1, type_at - slash - 1));
  const std::string_view cloud = pulumi.substr(0, module_at - 1);
  if (noun.empty()) return false;
  const std::string other = noun_of(name);
  if (const auto colons = name.find("::"); colons != std::string_view::npos) {
    const auto service = name.substr(colons + 2, name.rfind("::") - colons - 2);
    return letters_of(name.substr(0, colons)) == cloud && letters_of(service) == module && other.ends_with(noun);
  }
  const bool is_of_cloud = name.starts_with(cloud) && name.substr(cloud.size()).starts_with('_');
  return is_of_cloud && (other == noun || other == module + noun);
}

const CallType* type_of(const CallTarget& target, std::string_view name) {
  if (!target.types) return nullptr;
  const auto& types = *target.types;
  auto found = std::find_if(types.begin(), types.end(), [&](const auto& each) { return each.name == name; });
  if (found == types.end() && is_bridged_type(name)) {
    const auto alike = [&](const auto& each) { return is_called_alike(name, each.name); };
    // Its settings are named as Terraform names them.
    found = std::find_if(types.begin(), types.end(),
                         [&](const auto& each) { return each.name.find(':') == std::string::npos && alike(each); });
    if (found == types.end() && std::any_of(types.begin(), types.end(), alike))
      found = std::find_if(types.begin(), types.end(),
                           [](const auto& each) { return each.name.find(':') == std::string::npos; });
    if (found == types.end()) found = std::find_if(types.begin(), types.end(), alike);
  }
  return found == types.end() ? nullptr : &*found;
}

}  // namespace

bool is_bridged_type(std::string_view type) {
  const auto module = type.find(':');
  return module != std::string_view::npos && type.find("::") == std::string_view::npos && type.find('/') > module &&
         type.find('/') < type.rfind(':') && type.rfind(':') > module;
}

std::vector<CallOwner> owners_of_call(const baseline::Index& index, const std::vector<CallTarget>& targets,
                                      std::string_view operation) {
  std::vector<CallOwner> owners;
  std::vector<std::uint32_t> rows;
  const std::string verb_and_noun = letters_of(operation);
  for (const auto& target : targets) {
    if (target.id.empty()) continue;
    index.find_id(target.id, rows);
    for (const auto row : rows) {
      const std::string_view type = index.type(row);
      CallOwner owner{row, 0, "its id " + target.id + " and its type", type_of(target, type)};
      if (owner.type == nullptr) {
        // "s3_bucket" of PutBucketPolicy: the last part is what both have.
        const std::string noun = noun_of(type);
        const auto last = type.rfind('_');
        const std::string tail = last == std::string_view::npos ? noun : letters_of(type.substr(last + 1));
        const bool named = (!noun.empty() && verb_and_noun.find(noun) != std::string::npos) ||
                           (tail.size() > 3 && verb_and_noun.find(tail) != std::string::npos);
        if ((target.types && !target.types->empty()) || !named) continue;
        owner.rank = 1;
        owner.reason = "its id " + target.id + ", and the call is named after its type";
      }
      const auto known = std::find_if(owners.begin(), owners.end(), [&](const auto& o) { return o.resource == row; });
      if (known == owners.end())
        owners.push_back(std::move(owner));
      else if (owner.rank < known->rank)
        *known = std::move(owner);
    }
  }
  std::sort(owners.begin(), owners.end(),
            [](const auto& a, const auto& b) { return std::tie(a.rank, a.resource) < std::tie(b.rank, b.resource); });
  const auto worse = std::find_if(owners.begin(), owners.end(), [&](const auto& o) { return o.rank > owners[0].rank; });
  owners.erase(worse, owners.end());
  return owners;
}

}  // namespace plumbline::agent
