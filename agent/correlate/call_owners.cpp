#include "agent/correlate/call_owners.hpp"

#include <algorithm>
#include <array>
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

/// "sg-0123456789abcdef0", "vol-1a2b3c4d": EC2 gives each thing one, of which there is no second.
bool is_random(std::string_view id) {
  const auto dash = id.rfind('-');
  if (dash == 0 || dash == std::string_view::npos) return false;
  const auto digits = id.substr(dash + 1);
  return (digits.size() == 8 || digits.size() == 17) &&
         digits.find_first_not_of("0123456789abcdef") == std::string_view::npos &&
         std::all_of(id.begin(), id.begin() + static_cast<std::ptrdiff_t>(dash),
                     [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
}

/// Whether a name alone can mean but one thing, wherever it is used.
bool is_unique(std::string_view id) {
  return id.starts_with("arn:") || id.starts_with("https://") || is_random(id);
}

/// The part of "arn:aws:SERVICE:REGION:ACCOUNT:…" (3 = region, 4 = account), of the first of them; "" = there is none.
std::string part_of_arn(const std::vector<std::string>& ids, int part) {
  for (const auto& id : ids) {
    if (!id.starts_with("arn:")) continue;
    std::string_view rest = id;
    for (int i = 0; i < part && !rest.empty(); ++i) rest.remove_prefix(std::min(rest.find(':'), rest.size() - 1) + 1);
    return std::string(rest.substr(0, rest.find(':')));
  }
  return {};
}

bool contradict(std::string_view a, std::string_view b) {
  return !a.empty() && !b.empty() && !a.starts_with(b) && !b.starts_with(a);  // "us-east-1a" is in "us-east-1"
}

/// Of which the requests of all regions go to one, or whose names are the world's.
bool is_global(std::string_view service) {
  constexpr std::array<std::string_view, 12> all = {
      "iam",    "route53",       "cloudfront", "s3", "sts",    "waf", "globalaccelerator",
      "shield", "organizations", "budgets",    "ce", "support"};
  return std::find(all.begin(), all.end(), service) != all.end();
}

/// The account that a thing is in: another form of its id may say so, and goes before the call's. Where only the
/// caller's is known, that is the call's. (A bucket's name is the world's: of S3, no account tells one from another.)
std::string account_of(const CallTarget& target, const std::vector<CallTarget>& targets, const CallPlace& place) {
  if (target.types)
    for (const auto& other : targets)
      if (other.types == target.types)
        if (auto account = part_of_arn({other.id}, 4); !account.empty()) return account;
  return std::string(place.account);
}

/// Whether what the call names is another thing than the one in the index, which is merely called alike: in another
/// account or region of AWS, or with another id of EC2 beside its name.
bool is_elsewhere(const baseline::Index& index, std::uint32_t row, const CallTarget& target,
                  const std::vector<CallTarget>& targets, const CallPlace& place) {
  if (place.provider != "aws" || is_unique(target.id)) return false;
  const auto ids = index.ids(row);
  std::string account(index.account(row)), region(index.region(row));
  if (account.empty()) account = part_of_arn(ids, 4);
  if (region.empty()) region = part_of_arn(ids, 3);
  if (place.service != "s3" && contradict(account, account_of(target, targets, place))) return true;
  if (!is_global(place.service) && contradict(region, place.region)) return true;
  if (!target.types) return false;  // nothing tells which of the call's ids are of one thing
  return std::any_of(targets.begin(), targets.end(), [&](const CallTarget& other) {
    if (other.types != target.types || !is_random(other.id)) return false;
    const auto kind = std::string_view(other.id).substr(0, other.id.rfind('-') + 1);
    bool has_one = false;
    for (const auto& id : ids) {
      if (id == other.id) return false;
      has_one = has_one || (is_random(id) && id.starts_with(kind));
    }
    return has_one;
  });
}

}  // namespace

bool is_bridged_type(std::string_view type) {
  const auto module = type.find(':');
  return module != std::string_view::npos && type.find("::") == std::string_view::npos && type.find('/') > module &&
         type.find('/') < type.rfind(':') && type.rfind(':') > module;
}

std::vector<CallOwner> owners_of_call(const baseline::Index& index, const std::vector<CallTarget>& targets,
                                      std::string_view operation, const CallPlace& place, std::string_view cluster) {
  std::vector<CallOwner> owners;
  if (!cluster.empty() && !place.cluster.empty() && cluster != place.cluster) return owners;
  std::vector<std::uint32_t> rows;
  const std::string verb_and_noun = letters_of(operation);
  for (const auto& target : targets) {
    if (target.id.empty()) continue;
    index.find_id(target.id, rows);
    for (const auto row : rows) {
      if (is_elsewhere(index, row, target, targets, place)) continue;
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
