#include "baseline/source/cloud_init_merge.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::string name_of(std::string_view text) {
  std::string name(trimmed(text));
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-') c = '_';
  }
  return name;
}

bool has(const std::vector<std::string>& options, std::string_view option) {
  return std::find(options.begin(), options.end(), option) != options.end();
}

/// The first of each kind counts.
void take(const std::string& name, const std::vector<std::string>& options, Mergers& mergers) {
  const bool recurse_list = has(options, "recurse_list") || has(options, "recurse_array");
  if ((name == "dict" || name == "m_dict") && !mergers.dict) {
    mergers.dict = true;
    mergers.dict_replace = has(options, "replace");
    mergers.recurse_list = recurse_list;
    mergers.other |= has(options, "allow_delete");
  } else if ((name == "list" || name == "m_list") && !mergers.has_list) {
    mergers.has_list = true;
    mergers.list = has(options, "append")       ? ListMerge::append
                   : has(options, "prepend")    ? ListMerge::prepend
                   : has(options, "replace")    ? ListMerge::replace
                   : has(options, "no_replace") ? ListMerge::no_replace
                                                : ListMerge::replace;
    mergers.other |= mergers.list == ListMerge::replace && (has(options, "recurse_dict") || recurse_list);
  }
}

/// "list(append)+dict(no_replace, recurse_list)"; false where it is not of that form.
bool take_text(std::string_view text, Mergers& mergers) {
  while (!text.empty()) {
    const auto plus = text.find('+');
    const auto part = trimmed(text.substr(0, plus));
    text.remove_prefix(plus == std::string_view::npos ? text.size() : plus + 1);
    if (part.empty()) continue;
    const auto open = part.find('(');
    if (open == std::string_view::npos || open == 0 || !part.ends_with(')')) return false;
    std::vector<std::string> options;
    for (auto rest = part.substr(open + 1, part.size() - open - 2); !rest.empty();) {
      const auto comma = rest.find(',');
      options.push_back(name_of(rest.substr(0, comma)));
      rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    }
    take(name_of(part.substr(0, open)), options, mergers);
  }
  return true;
}

/// [name, option, …] or {name, settings: [option, …]}
bool take_item(element item, Mergers& mergers) {
  std::string_view name;
  array options;
  bool first = true;
  if (object members; item.get_object().get(members) == simdjson::SUCCESS) {
    if (members["name"].get_string().get(name) != simdjson::SUCCESS) return false;
    if (members["settings"].get_array().get(options) != simdjson::SUCCESS) return false;
    first = false;
  } else if (item.get_array().get(options) != simdjson::SUCCESS ||
             options.at(0).get_string().get(name) != simdjson::SUCCESS) {
    return false;
  }
  std::vector<std::string> names;
  for (const element option : options) {
    std::string_view text;
    if (!first && option.get_string().get(text) == simdjson::SUCCESS) names.emplace_back(text);
    first = false;
  }
  take(name_of(name), names, mergers);
  return true;
}

}  // namespace

std::optional<Mergers> mergers_of(object config, std::string_view header) {
  Mergers mergers;
  bool any = false;
  element how;
  if ((config["merge_how"].get(how) == simdjson::SUCCESS && !how.is_null()) ||
      (config["merge_type"].get(how) == simdjson::SUCCESS && !how.is_null())) {
    std::string_view text;
    array items;
    if (how.get_string().get(text) == simdjson::SUCCESS) {
      if (!take_text(text, mergers)) return std::nullopt;
      any = !trimmed(text).empty();
    } else if (how.get_array().get(items) == simdjson::SUCCESS) {
      for (const element item : items)
        if (!take_item(item, mergers)) return std::nullopt;
      any = items.begin() != items.end();
    } else {
      return std::nullopt;
    }
  }
  if (!take_text(header, mergers)) return std::nullopt;
  if (!any && trimmed(header).empty()) {
    mergers.dict = mergers.dict_replace = mergers.has_list = true;
    mergers.list = ListMerge::replace;
  }
  return mergers;
}

}  // namespace plumbline::baseline
