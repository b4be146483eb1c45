#include "cloud/compile/azure.hpp"

#include <map>

#include "cloud/compile/tsv.hpp"

namespace plumbline::cloud::compile {

std::vector<std::string> add_azure(const std::string& folder, Image& image) {
  const Tsv types(folder + "/azure_terraform_types.tsv", 2);
  std::map<std::string, std::vector<std::string_view>> by_type;
  for (const auto& row : types.rows()) {
    if (row[1].find('/') == std::string_view::npos) types.refuse(row, "a type of Azure is PROVIDER/TYPE");
    std::string key(row[1]);
    for (char& c : key)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    by_type[key].push_back(row[0]);
  }
  for (const auto& [type, names] : by_type) image.azure_types.push_back({image.text(type), image.text_list(names)});
  return {types.bytes()};
}

}  // namespace plumbline::cloud::compile
