#include "cloud/compile/kubernetes.hpp"

#include <map>

#include "cloud/compile/tsv.hpp"

namespace plumbline::cloud::compile {

std::vector<std::string> add_kubernetes(const std::string& folder, Image& image) {
  const Tsv kinds(folder + "/kubernetes_kinds.tsv", 4), types(folder + "/kubernetes_terraform_types.tsv", 2);
  std::map<std::string_view, std::vector<std::string_view>> by_kind;
  for (const auto& row : types.rows()) by_kind[row[1]].push_back(row[0]);
  std::string_view group, plural;
  for (const auto& row : kinds.rows()) {
    if (row[3] != "namespaced" && row[3] != "cluster") kinds.refuse(row, "a scope is namespaced or cluster");
    if (std::pair(row[0], row[1]) <= std::pair(group, plural)) kinds.refuse(row, "rows are sorted by group and plural");
    group = row[0], plural = row[1];
    image.kinds.push_back({image.text(row[0]), image.text(row[1]), image.text(row[2]), image.text_list(by_kind[row[2]]),
                           row[3] == "namespaced" ? 1u : 0u});
  }
  return {kinds.bytes(), types.bytes()};
}

}  // namespace plumbline::cloud::compile
