#include "baseline/source/terraform_marks.hpp"

#include <algorithm>

#include "baseline/value/attributes.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::key_value_pair;
using simdjson::dom::object;

/// The only step of a path into a map or an object; false where the step goes into a list or a set.
bool step_name(element step, std::string_view& name) {
  if (step["value"].get_string().get(name) == simdjson::SUCCESS) return true;  // get_attr
  return step["value"]["value"].get_string().get(name) == simdjson::SUCCESS;   // index: a typed value
}

bool has_mark(element marks) {
  bool mark = false;
  if (marks.get_bool().get(mark) == simdjson::SUCCESS) return mark;
  object members;
  if (marks.get_object().get(members) == simdjson::SUCCESS)
    return std::any_of(members.begin(), members.end(), [](key_value_pair member) { return has_mark(member.value); });
  array items;
  return marks.get_array().get(items) == simdjson::SUCCESS && std::any_of(items.begin(), items.end(), has_mark);
}

void append_marked(element marks, std::string& path, std::vector<std::string>& paths) {
  object members;
  if (marks.get_object().get(members) != simdjson::SUCCESS) {
    if (has_mark(marks)) paths.push_back(path);
    return;
  }
  for (const key_value_pair member : members) {
    const std::size_t size = path.size();
    if (size != 0) path += '.';
    path += path_part(member.key);
    append_marked(member.value, path, paths);
    path.resize(size);
  }
}

}  // namespace

void add_sensitive_paths(element sensitive_attributes, TerraformInstance& instance) {
  array paths;
  if (sensitive_attributes.get_array().get(paths) != simdjson::SUCCESS) {
    instance.all_sensitive = instance.all_sensitive || !sensitive_attributes.is_null();
    return;
  }
  for (const element item : paths) {
    array steps;
    if (item.get_array().get(steps) != simdjson::SUCCESS) {
      instance.all_sensitive = true;
      continue;
    }
    std::string path;
    for (const element step : steps) {
      std::string_view name;
      if (!step_name(step, name)) break;
      if (!path.empty()) path += '.';
      path += path_part(name);
    }
    if (path.empty()) {
      instance.all_sensitive = true;
    } else {
      instance.sensitive.push_back(std::move(path));
    }
  }
}

void append_marked_paths(element marks, std::vector<std::string>& paths) {
  std::string path;
  append_marked(marks, path, paths);
}

}  // namespace plumbline::baseline
