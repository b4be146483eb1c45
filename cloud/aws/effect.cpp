#include "cloud/aws/effect.hpp"
#include "cloud/body/secret_prints.hpp"

#include <algorithm>
#include <array>

#include "cloud/aws/answer.hpp"
#include "cloud/aws/identifier.hpp"
#include "cloud/aws/parameters.hpp"
#include "cloud/aws/settings.hpp"
#include "cloud/table/tables.hpp"

namespace plumbline::cloud::aws {
namespace {

using Kind = Value::Kind;

const table::EffectRow* effect_of(std::uint32_t operation) {
  const auto all = table::rows<table::EffectRow>(table::effects);
  const auto found = std::lower_bound(all.begin(), all.end(), operation,
                                      [](const auto& row, std::uint32_t wanted) { return row.operation < wanted; });
  return found != all.end() && found->operation == operation ? &*found : nullptr;
}

bool takes_away(std::string_view operation) {
  constexpr std::array<std::string_view, 9> verbs = {"Revoke",   "Detach",       "Remove",
                                                     "Untag",    "Disassociate", "Deregister",
                                                     "Unassign", "Unsubscribe",  "BatchDisassociate"};
  return operation.starts_with("Delete") ||
         std::any_of(verbs.begin(), verbs.end(), [&](auto verb) { return operation.starts_with(verb); });
}

/// Where a batch's answer lists what it did not do.
void failed_in(const Value& answer, std::vector<std::string_view>& texts) {
  constexpr std::array<std::string_view, 12> lists = {
      "Error",    "Errors",   "errors",       "FailedEntries", "Failed",      "failed",
      "failures", "Failures", "Unsuccessful", "unsuccessful",  "Unprocessed", "UnprocessedItems"};
  for (const auto& [name, value] : answer.members) {
    if (std::find(lists.begin(), lists.end(), name) == lists.end()) continue;
    const auto add = [&](const Value& item) {
      for (const auto& member : item.members)
        if (member.value.kind == Kind::text && !member.value.text.empty() && texts.size() < max_ids)
          texts.push_back(member.value.text);
    };
    for (const auto& item : value.items) add(item);
    if (value.kind == Kind::map) add(value);
  }
}

class Effect {
 public:
  Effect(const table::EffectRow& row, Operation& operation, const Value& answer, const SecretPrints* prints)
      : row_(row), operation_(operation), answer_(answer), prints_(prints) {}

  void add() {
    for (const auto& target : table::rows<table::TargetRow>(table::touched, row_.targets)) {
      if (table::text(target.each).empty())
        add_whole(target);
      else
        add_each(target);
    }
    hide();
    // All that it touches lies in one account: the call is of that one.
    if (!accounts_.empty() && !accounts_[0].empty() &&
        std::all_of(accounts_.begin(), accounts_.end(), [&](const auto& one) { return one == accounts_[0]; }))
      operation_.account = accounts_[0];
    std::vector<std::string_view> failed;
    failed_in(answer_, failed);
    if (failed.empty()) return;
    std::erase_if(operation_.touched, [&](const Touched& one) {
      return std::any_of(one.ids.begin(), one.ids.end(), [&](const std::string& id) {
        return std::any_of(failed.begin(), failed.end(), [&](std::string_view text) {
          return id == text ||
                 (id.size() > text.size() && id.ends_with(text) && id[id.size() - text.size() - 1] == '/');
        });
      });
    });
  }

 private:
  static std::span<const table::Text> ids_of(const table::TargetRow& target) {
    return table::rows<table::Text>(table::texts, target.ids);
  }

  /// One thing, or several where a member is a list of ids: the first expression that there is says how many.
  void add_whole(const table::TargetRow& target) {
    const std::string account = account_of(target, nullptr);
    const Source source = source_of(nullptr, account);
    std::vector<Touched> made;
    for (const auto id : ids_of(target)) {
      const auto expression = table::text(id);
      const bool joins =
          expression.find('{') == std::string_view::npos && expression.find('+') != std::string_view::npos;
      const auto values = values_of(expression, source);
      if (values.empty()) continue;
      const std::size_t things = joins ? 1 : values.size();
      if (made.empty()) {
        made.resize(things);
        for (auto& one : made) one.from_answer = true;
      }
      if (things != made.size()) continue;
      for (std::size_t i = 0; i < values.size(); ++i) {
        auto& one = made[joins ? 0 : i];
        add_id(one, expression, values[i]);
        if (!is_of_answer(expression)) one.from_answer = false;
      }
    }
    // Without an id, a thing is known by its type alone; beside others it is none.
    if (made.empty() && row_.targets.count > 1) return;
    if (made.empty()) made.resize(1);
    const std::vector<Candidate> candidates = candidates_of(target, operation_.parameters);
    for (auto& one : made) {
      if (is_full()) return;
      one.type = table::text(target.type);
      one.candidates = candidates;
      operation_.touched.push_back(std::move(one));
    }
  }

  void add_each(const table::TargetRow& target) {
    auto path = table::text(target.each);
    const auto caret = path.find('^');
    const auto prefix = caret == std::string_view::npos ? std::string_view() : path.substr(caret + 1);
    path = path.substr(0, caret);
    const bool answered = path.starts_with('@');
    std::vector<const Value*> items;
    collect(answered ? answer_ : operation_.parameters, answered ? path.substr(1) : path, items);
    if (items.size() > max_ids) operation_.parameters_cut = true;
    for (const Value* item : items) {
      if (is_full()) return;
      if (!prefix.empty() && !is_prefixed(item->text, prefix)) continue;
      const std::string account = account_of(target, item);
      const Source source = source_of(item, account);
      Touched one;
      one.from_answer = answered;
      for (const auto id : ids_of(target))
        for (const auto& value : values_of(table::text(id), source)) add_id(one, table::text(id), value);
      if (one.ids.empty()) continue;
      one.type = table::text(target.type);
      // Of a list of ids, what is set stands beside it.
      one.candidates = candidates_of(target, item->kind == Kind::map ? *item : operation_.parameters);
      operation_.touched.push_back(std::move(one));
    }
  }

  /// Asked where there is one more.
  bool is_full() {
    if (operation_.touched.size() < max_ids) return false;
    operation_.parameters_cut = true;
    return true;
  }

  /// "tgw-" is not what "tgw-rtb-1" begins with: an id has letters and digits behind its prefix.
  static bool is_prefixed(std::string_view id, std::string_view prefix) {
    return id.starts_with(prefix) && id.find('-', prefix.size()) == std::string_view::npos;
  }

  Source source_of(const Value* item, std::string_view account) const {
    return {operation_.parameters, answer_, item, operation_.partition, operation_.region, account};
  }

  /// Where the thing is: the request may name it by an ARN of another account than the caller's. "" where it names
  /// things of several, or of one that only some of them say.
  std::string account_of(const table::TargetRow& target, const Value* item) {
    std::string account = operation_.account;
    const Source source = source_of(item, account);
    for (const auto id : ids_of(target)) {
      const auto expression = table::text(id);
      if (is_of_answer(expression) || expression.find_first_of("{+") != std::string_view::npos) continue;
      const auto values = values_of(expression, source);
      const auto says = [](const std::string& value) { return !account_in_id(value).empty(); };
      if (std::none_of(values.begin(), values.end(), says)) continue;
      const std::string first(account_in_id(values[0]));
      const bool one = std::all_of(values.begin(), values.end(),
                                   [&](const std::string& value) { return account_in_id(value) == first; });
      account = one ? first : std::string();
      break;
    }
    accounts_.push_back(account);
    return account;
  }

  static void add_id(Touched& one, std::string_view expression, const std::string& id) {
    constexpr std::size_t max_forms = 16;
    const auto put = [&](std::string_view form) {
      if (form.empty() || one.ids.size() >= max_forms ||
          std::find(one.ids.begin(), one.ids.end(), form) != one.ids.end())
        return;
      one.ids.emplace_back(form);
    };
    put(id);
    // What the tables spell out is all that is wanted.
    if (id.starts_with("arn:") && expression.find('{') == std::string_view::npos) put(name_of(id));
  }

  std::vector<Candidate> candidates_of(const table::TargetRow& target, const Value& map) {
    std::vector<Candidate> candidates;
    const auto semantics = operation_.semantics;
    const Wanted wanted{operation_.operation,
                        map,
                        semantics,
                        (semantics == Semantics::delta && takes_away(operation_.operation)) || is_deleted(map),
                        ids_of(target),
                        sensitive_};
    for (const auto id : table::rows<std::uint32_t>(table::ids, target.types)) {
      const auto& type = table::rows<table::TypeRow>(table::types)[id & ~table::only_with_setting];
      Candidate one{std::string(table::text(type.name)), {}};
      if (semantics != Semantics::remove) one.settings = settings_of(type, map, wanted);
      if ((id & table::only_with_setting) != 0 && one.settings.empty()) continue;
      candidates.push_back(std::move(one));
    }
    return candidates;
  }

  /// An item of a batch that says what is to be done with it (Route 53's changes).
  static bool is_deleted(const Value& map) {
    const Value* action = map.find("Action");
    return action != nullptr && action->text == "DELETE";
  }

  /// Hides what a schema calls sensitive wherever it stands: in the parameters, and in what other types have of it.
  void hide() {
    for (const auto& path : sensitive_) {
      Value* given = member_at(operation_.parameters, path);
      if (given != nullptr) make_secret(*given);
      for (auto& one : operation_.touched)
        for (auto& candidate : one.candidates)
          for (auto& setting : candidate.settings)
            if (setting.parameter == path) {
              make_secret(setting.value);
              if (given != nullptr && setting.value.prints.empty()) setting.value.prints = given->prints;
            }
    }
  }
  static Value* member_at(Value& map, std::string_view path) {
    const auto dot = path.find('.');
    for (auto& member : map.members)
      if (member.name == path.substr(0, dot))
        return dot == std::string_view::npos ? &member.value : member_at(member.value, path.substr(dot + 1));
    return nullptr;
  }
  void make_secret(Value& value) const { hide_each_value(value, prints_); }

  std::vector<std::string> sensitive_, accounts_;
  const table::EffectRow& row_;
  Operation& operation_;
  const Value& answer_;
  const SecretPrints* prints_;
};

/// What a call does depends on more than its name, here.
Semantics exact(const Operation& operation, Semantics by_name) {
  if (operation.service == "ssm" && operation.operation == "PutParameter") {
    const Value* overwrite = operation.parameters.find("Overwrite");
    return overwrite != nullptr && overwrite->text == "true" ? Semantics::replace : Semantics::create;
  }
  if (operation.service == "route53" && operation.operation == "ChangeResourceRecordSets") {
    std::vector<const Value*> actions;
    collect(operation.parameters, "ChangeBatch.Changes.Action", actions);
    const auto all = [&](std::string_view word) {
      return !actions.empty() && std::all_of(actions.begin(), actions.end(), [&](auto* a) { return a->text == word; });
    };
    return all("DELETE") ? Semantics::remove : all("CREATE") ? Semantics::create : by_name;
  }
  return by_name;
}

}  // namespace

void add_effect(const Response& response, const Route& route, const SecretPrints* prints, Operation& operation) {
  if (route.operation == table::no_row || !may_change(operation.level)) return;
  const auto canonical = table::operation(route.operation).canonical;
  const auto* row = effect_of(canonical);
  if (row == nullptr && operation.data_plane) return;
  operation.semantics = exact(operation, static_cast<Semantics>(table::operation(canonical).semantics));
  if (row == nullptr) return;
  Value answer = answer_of(response, route);
  Effect(*row, operation, answer, prints).add();
  wipe(answer);
}

}  // namespace plumbline::cloud::aws
