#include "cloud/body/environment.hpp"

#include <algorithm>
#include <array>

#include "cloud/http.hpp"

namespace plumbline::cloud {
namespace {

bool ends_with(std::string_view name, std::string_view end) {
  return name.size() >= end.size() && equal_ignoring_case(name.substr(name.size() - end.size()), end);
}

/// Cloud Run, Functions and Build, App Engine, Composer; Container Instances and Apps, Web, Batch, Machine Learning.
bool is_environment(std::string_view name) {
  constexpr std::array<std::string_view, 6> ends = {"environmentVariables", "envVariables",        "envVars",
                                                    "appSettings",          "environmentSettings", "envMap"};
  return equal_ignoring_case(name, "env") ||
         std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return ends_with(name, end); });
}

void hide_item(Value& item, const SecretPrints* prints) {
  if (item.kind != Value::Kind::map) return hide_value(item, prints);
  for (auto& [name, value] : item.members)
    if (ends_with(name, "value")) hide_each_value(value, prints);
}

void hide_values(Value& value, const SecretPrints* prints) {
  if (value.kind == Value::Kind::several)
    for (auto& item : value.items) hide_values(item, prints);
  else if (value.kind == Value::Kind::list)
    hide_in_list(value, prints, [&](Value& item) { hide_item(item, prints); });
  else
    hide_each_value(value, prints);
}

}  // namespace

bool hide_environment(std::string_view name, Value& value, const SecretPrints* prints) {
  if (value.kind == Value::Kind::several) {
    bool hides = false;
    for (auto& item : value.items) hides = hide_environment(name, item, prints) || hides;
    return hides;
  }
  // "env: prod" is a label.
  if (value.kind != Value::Kind::list && value.kind != Value::Kind::map) return false;
  if (is_environment(name)) {
    hide_values(value, prints);
    return true;
  }
  if (!equal_ignoring_case(name, "environment")) return false;
  if (value.kind == Value::Kind::list) {
    hide_values(value, prints);
    return true;
  }
  // Else it says more of where something runs than its variables.
  for (auto& [inner, variables] : value.members)
    if (equal_ignoring_case(inner, "variables")) hide_values(variables, prints);
  return false;
}

}  // namespace plumbline::cloud
