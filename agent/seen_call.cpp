#include "agent/seen_call.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "baseline/value/attributes.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t longest_id = 2048, most_ids = 32;  // of parameters, and for people
constexpr std::size_t most_settings = 4096;

/// The tables do not know what it touches: an id that a baseline has may be any of its own parameters.
void add_parameters(const cloud::Value& parameters, std::vector<CallTarget>& targets) {
  for (const auto& [name, value] : parameters.members)
    for (const auto text : cloud::texts_of(&value)) {
      if (targets.size() >= most_ids) return;
      if (!text.empty() && text.size() <= longest_id) targets.push_back({std::string(text), nullptr});
    }
}

std::string text_of(const cloud::Operation& operation, std::string_view parameter) {
  const cloud::Value* given = operation.parameters.find(parameter);
  const bool is_text = given != nullptr && given->kind == cloud::Value::Kind::text && given->text.size() <= longest_id;
  return is_text ? given->text : "";
}

/// The stack that CloudFormation is told to change, by its own calls: AWS then changes what is in it.
std::string stack_of(const cloud::Operation& operation) {
  constexpr std::array<std::string_view, 7> changes = {
      "CreateStack",       "UpdateStack",  "ExecuteChangeSet", "DeleteStack", "ContinueUpdateRollback",
      "CancelUpdateStack", "RollbackStack"};
  if (operation.provider != cloud::Provider::aws || operation.service != "cloudformation" ||
      std::find(changes.begin(), changes.end(), operation.operation) == changes.end())
    return "";
  return text_of(operation, "StackName");
}

bool is_change_set(std::string_view id) {
  return id.starts_with("arn:") && id.find(":changeSet/") != std::string_view::npos && id.size() <= longest_id;
}

/// One that is made is named by the answer, with the stack in the request; one that is executed may be named by its ARN
/// alone, in which no stack is.
void add_change_set(const cloud::Operation& operation, SeenCall& seen) {
  if (operation.provider != cloud::Provider::aws || operation.service != "cloudformation") return;
  const bool makes = operation.operation == "CreateChangeSet" && operation.outcome == cloud::Outcome::succeeded;
  const bool executes = operation.operation == "ExecuteChangeSet" && seen.stack.empty();
  if (!makes && !executes) return;
  for (const auto& thing : operation.touched)
    for (const auto& id : thing.ids)
      if (is_change_set(id)) seen.change_set = id;
  if (makes) seen.made_for = text_of(operation, "StackName");
}

baseline::SettingEffect effect_of(const cloud::Setting& setting, cloud::Semantics semantics) {
  if (setting.removes) return baseline::SettingEffect::removes;
  const bool adds =
      setting.adds || (semantics == cloud::Semantics::delta && setting.value.kind == cloud::Value::Kind::list);
  return adds ? baseline::SettingEffect::adds : baseline::SettingEffect::sets;
}

/// What of a map is secret is compared by itself, and the rest of it as it is; so is a block, which is a list of one.
void add_setting(const std::string& attribute, const cloud::Value& value, baseline::SettingEffect effect,
                 std::vector<CallSetting>& out) {
  using Kind = cloud::Value::Kind;
  if (out.size() >= most_settings) return;
  const bool whole = effect != baseline::SettingEffect::sets || !value.prints.empty() || !cloud::holds_secret(value);
  if (!whole && value.kind == Kind::list && value.items.size() == 1 && value.items[0].kind == Kind::map)
    return add_setting(attribute, value.items[0], effect, out);
  if (whole || value.kind != Kind::map) {
    auto json = cloud::setting_json(value);
    const bool is_as_sent = !json && (value.kind == Kind::list || value.is_of_list);
    return out.push_back({attribute, std::move(json), effect, value.prints, is_as_sent});
  }
  for (const auto& [name, member] : value.members)
    add_setting(attribute + "." + baseline::path_part(name), member, effect, out);
}

}  // namespace

SeenCall seen_call_of(const ReadCall& read) {
  const auto& operation = read.operation;
  SeenCall seen;
  seen.actor = read.actor;
  seen.unseen = read.unseen;
  seen.may_change = read.unseen || may_change(operation);
  seen.is_cut = operation.parameters_cut;
  seen.states = read.states;
  seen.version = read.version;
  seen.tool = read.tool;
  seen.lock_held = read.lock_held;
  seen.stack = stack_of(operation);
  add_change_set(operation, seen);
  for (const auto& thing : operation.touched) {
    auto types = std::make_shared<std::vector<CallType>>();
    for (const auto& candidate : thing.candidates) {
      CallType& type = types->emplace_back();
      type.name = candidate.iac_type;
      for (const auto& setting : candidate.settings)
        add_setting(setting.attribute, setting.value, effect_of(setting, operation.semantics), type.settings);
      // Where a state is in the API's own terms, so are its lists.
      if (operation.provider == cloud::Provider::kubernetes || operation.provider == cloud::Provider::azure)
        for (auto& setting : type.settings) setting.is_as_sent = false;
    }
    for (const auto& id : thing.ids) seen.targets.push_back({id, types});  // cloud/ bounds both
  }
  if (operation.touched.empty()) add_parameters(operation.parameters, seen.targets);
  wire::Call& call = seen.call;
  call.provider = cloud::word(operation.provider);
  call.service = operation.service;
  call.operation = operation.operation;
  if (!read.unseen) call.level = cloud::word(operation.level);
  call.semantics = cloud::word(operation.semantics);
  call.outcome = cloud::word(operation.outcome);
  call.region = operation.region;
  call.account = operation.account;
  call.principal_account = operation.principal_account;
  call.host = read.host;
  call.host_by = read.host_by;
  seen.by_key = !operation.access_key_id.empty();
  seen.token = seen.by_key ? read.chain_token : operation.token;
  call.principal = seen.by_key ? operation.access_key_id : operation.principal;
  call.principal_arn = read.principal_arn;
  call.principal_chain = read.principal_chain;
  const bool observed = !call.principal_arn.empty() || !call.principal_chain.empty();
  const bool is_proven = !seen.by_key && seen.token.is_signed;
  if (!call.principal.empty()) call.principal_proof = is_proven ? "verified" : observed ? "observed" : "claimed";
  call.request_id = operation.request_id;
  call.invocation = operation.invocation;
  call.tries = read.tries;
  for (const auto& target : seen.targets)
    if (call.ids.size() < most_ids) call.ids.push_back(target.id);
  return seen;
}

}  // namespace plumbline::agent
