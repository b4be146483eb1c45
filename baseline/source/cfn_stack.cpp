#include "baseline/source/cfn_stack.hpp"

#include <algorithm>
#include <unordered_set>

#include "baseline/source/json_members.hpp"
#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr const char* lists[] = {"StackResourceSummaries", "StackResources", "StackResourceDrifts"};

class Reader {
 public:
  Reader(const SourceSpec& spec, CfnStack& stack, Builder& out) : spec_(spec), stack_(stack), out_(out) {}

  Result<void> read(const object& top) {
    if (has_member(top, "NextToken"))
      return refuse("/NextToken", "the list goes on: this is not all of it", "save all pages of the output");
    if (auto ok = read_entry(top); !ok) return ok;
    for (const std::string name : lists)
      if (auto ok = read_list(top, name); !ok) return ok;
    return {};
  }

 private:
  Error refuse(const std::string& pointer, const std::string& why,
               const std::string& fix = "merge the outputs of the AWS command line for one stack") const {
    return invalid(spec_.path + "#" + pointer, why, fix);
  }
  std::string whole() const { return "cfn:" + spec_.name; }

  /// Every list may name the stack; they must agree.
  Result<void> take_stack_id(std::string_view id, const std::string& pointer) {
    if (id.empty()) return {};
    if (!stack_.place.stack_id.empty())
      return id == stack_.place.stack_id ? Result<void>()
                                         : refuse(pointer, "is of another stack than what stands before it");
    if (id.size() > 2048 || !is_printable_name(id) || !place_of_stack(id, stack_.place))
      return refuse(pointer, "not the ARN of a stack");
    return {};
  }

  Result<void> read_entry(const object& top) {
    array stacks;
    std::string pointer = "/Stack";
    if (is_list(top["Stacks"], stacks)) {
      if (stacks.size() != 1 || !is_object(stacks.at(0), stack_.entry))
        return refuse("/Stacks", "must hold one stack, and holds " + std::to_string(stacks.size()));
      pointer = "/Stacks/0";
    } else if (!is_object(top["Stack"], stack_.entry)) {
      return {};
    }
    stack_.has_entry = true;
    if (auto ok = take_stack_id(text_member(stack_.entry, "StackId"), pointer + "/StackId"); !ok) return ok;
    const auto status = text_member(stack_.entry, "StackStatus");
    if (status == "DELETE_COMPLETE") return refuse(pointer + "/StackStatus", "the stack was deleted");
    if (status.ends_with("_IN_PROGRESS"))
      out_.skip(whole(), "the stack was in the middle of a change (" + config::shown(status) + ")");
    return {};
  }

  Result<void> read_list(const object& top, const std::string& name) {
    array items;
    if (!has_member(top, name)) return {};
    if (!is_list(top[name], items)) return refuse("/" + name, "not a list");
    std::unordered_set<std::string_view> seen;
    std::size_t i = 0;
    for (const element item : items) {
      const std::string pointer = "/" + name + "/" + std::to_string(i++);
      CfnListed listed;
      if (!is_object(item, listed.drift)) return refuse(pointer, "not an object");
      if (auto ok = take_stack_id(text_member(listed.drift, "StackId"), pointer + "/StackId"); !ok) return ok;
      listed.logical_id = text_member(listed.drift, "LogicalResourceId");
      listed.physical_id = text_member(listed.drift, "PhysicalResourceId");
      listed.type = text_member(listed.drift, "ResourceType");
      listed.status = text_member(listed.drift, "ResourceStatus");
      listed.has_drift = name == "StackResourceDrifts";
      if (!is_logical_id(listed.logical_id) || !is_printable_name(listed.type)) {
        out_.skip(whole(), "the entry " + pointer + " has no LogicalResourceId or no ResourceType");
        continue;
      }
      if (!seen.insert(listed.logical_id).second)
        return refuse(pointer + "/LogicalResourceId", "stands twice in the list");
      add(listed);
    }
    return {};
  }

  /// Lists of several calls tell of the same resources.
  void add(const CfnListed& listed) {
    const auto [at, is_new] = stack_.index.emplace(listed.logical_id, stack_.listed.size());
    if (is_new) return stack_.listed.push_back(listed);
    CfnListed& known = stack_.listed[at->second];
    if (known.physical_id.empty()) known.physical_id = listed.physical_id;
    if (known.status.empty()) known.status = listed.status;
    if (!listed.has_drift) return;
    known.drift = listed.drift;
    known.has_drift = true;
  }

  const SourceSpec& spec_;
  CfnStack& stack_;
  Builder& out_;
};

}  // namespace

bool is_cfn_stack(object top) {
  return std::any_of(std::begin(lists), std::end(lists), [&](const char* name) { return has_member(top, name); });
}

bool is_logical_id(std::string_view id) {
  return !id.empty() && id.size() <= 255 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' || c == '-' ||
           c == '.';
  });
}

Result<void> read_cfn_stack(const SourceSpec& spec, object top, CfnStack& stack, Builder& out) {
  return Reader(spec, stack, out).read(top);
}

}  // namespace plumbline::baseline
