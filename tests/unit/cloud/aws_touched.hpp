// What a call touches, as `plumb decode` prints it.
#pragma once

#include <nlohmann/json.hpp>

#include "tests/unit/cloud/exchange.hpp"

namespace plumbline::cloud {

using Json = nlohmann::json;

inline Sent target(const std::string& service, const std::string& name, std::string body) {
  return Sent::to(service, "POST", "/").with("X-Amz-Target", name).carrying(std::move(body));
}

struct Effect {
  Json json;
  explicit Effect(const Operation& operation) : json(Json::parse(to_json(operation))) {}

  std::string semantics() const { return json.value("semantics", ""); }
  std::size_t count() const { return json.contains("resources") ? json["resources"].size() : 0; }
  /// "type: id id …" of one thing.
  std::string named(std::size_t i) const {
    if (i >= count()) return "none";
    std::string text = json["resources"][i].value("type", "") + ":";
    for (const auto& id : json["resources"][i].value("ids", Json::array())) text += " " + id.get<std::string>();
    return text;
  }
  /// IaC types in their order, with a blank behind each.
  std::string types(std::size_t i = 0) const {
    std::string text;
    for (const auto& one : json["resources"][i].value("iac_types", Json::array()))
      text += one["type"].get<std::string>() + " ";
    return text;
  }
  /// {attribute: value} of an IaC type of one thing; "-attribute" is taken away, "+attribute" added.
  Json set(const std::string& type, std::size_t i = 0) const {
    Json found = Json::object();
    if (i >= count()) return nullptr;
    for (const auto& one : json["resources"][i].value("iac_types", Json::array()))
      if (one["type"] == type)
        for (const auto& a : one.value("attributes", Json::array())) {
          const std::string name = a["attribute"];
          if (a.contains("value")) found[name] = a["value"];
          if (a.contains("added")) found["+" + name] = a["added"];
          if (a.contains("removed")) found["-" + name] = a["removed"];
        }
    return found;
  }
};

}  // namespace plumbline::cloud
