#include <algorithm>

#include "cloud/aws/identifier.hpp"
#include "cloud/aws/shape.hpp"

namespace plumbline::cloud::aws {
namespace {

using Kind = Value::Kind;

std::string text_at(const Value& map, std::string_view name) {
  const Value* value = map.find(name);
  return value == nullptr ? std::string() : value->text;
}

bool is_several(const Value* value) {
  return value != nullptr && value->kind == Kind::several;
}

/// IANA's protocol numbers, as Terraform writes them out.
std::string protocol_of(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  if (text == "6") return "tcp";
  if (text == "17") return "udp";
  if (text == "1") return "icmp";
  if (text == "58") return "icmpv6";
  return text == "all" ? "-1" : text;
}

class Rules {
 public:
  Rules(const Value& permission, std::string_view own) : permission_(permission), own_(own) {
    protocol_ = protocol_of(text_at(permission, "IpProtocol"));
  }

  void add_to(Value& list) {
    each("IpRanges", "CidrIp", "cidr_blocks");
    each("Ipv6Ranges", "CidrIpv6", "ipv6_cidr_blocks");
    each("PrefixListIds", "PrefixListId", "prefix_list_ids");
    each("UserIdGroupPairs", "GroupId", "security_groups");
    // The form of one rule: the source stands beside the ports.
    for (const auto cidr : texts_of(permission_.find("CidrIp")))
      if (!cidr.empty()) put("cidr_blocks", std::string(cidr), "");
    for (const auto group : texts_of(permission_.find("SourceSecurityGroupName")))
      if (!group.empty()) put("security_groups", std::string(group), "");
    for (auto& rule : rules_) list.items.push_back(std::move(rule));
  }

 private:
  void each(std::string_view member, std::string_view source, std::string_view attribute) {
    const Value* ranges = permission_.find(member);
    if (ranges == nullptr) return;
    for (const auto& range : ranges->items)
      for (const auto text : texts_of(range.find(source)))
        if (!text.empty()) put(attribute, std::string(text), text_at(range, "Description"));
  }

  void put(std::string_view attribute, const std::string& text, const std::string& description) {
    Value& rule = rule_of(description);
    if (attribute == "security_groups" && !own_.empty() && text == own_) {
      rule.members.push_back({"self", Value::of(Kind::boolean, "true")});
      return;
    }
    for (auto& [name, value] : rule.members)
      if (name == attribute) {
        value.items.push_back(Value::of_text(text));
        return;
      }
    Value list = Value::of(Kind::list);
    list.items.push_back(Value::of_text(text));
    rule.members.push_back({std::string(attribute), std::move(list)});
  }

  Value& rule_of(const std::string& description) {
    for (auto& rule : rules_)
      if (text_at(rule, "description") == description) return rule;
    Value rule = Value::of(Kind::map);
    const Value* protocols = permission_.find("IpProtocol");
    rule.members.push_back({"protocol", is_several(protocols) ? *protocols : Value::of_text(protocol_)});
    // All protocols have no ports; a state has 0 there.
    for (const auto& [name, member] : {std::pair("from_port", "FromPort"), std::pair("to_port", "ToPort")}) {
      if (const Value* ports = permission_.find(member); is_several(ports)) {
        rule.members.push_back({name, *ports});
        continue;
      }
      auto port = text_at(permission_, member);
      if (port.empty() || protocol_ == "-1") port = "0";
      rule.members.push_back({name, Value::of(Kind::number, port)});
    }
    if (!description.empty()) rule.members.push_back({"description", Value::of_text(description)});
    rules_.push_back(std::move(rule));
    return rules_.back();
  }

  const Value& permission_;
  std::string_view own_;
  std::string protocol_;
  std::vector<Value> rules_;
};

}  // namespace

Value security_group_rules(const Value& permissions, std::string_view own_group) {
  Value list = Value::of(Kind::list);
  for (const auto& permission : permissions.items) Rules(permission, own_group).add_to(list);
  return list;
}

}  // namespace plumbline::cloud::aws
