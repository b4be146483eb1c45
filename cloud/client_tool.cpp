#include "cloud/client_tool.hpp"

#include <algorithm>
#include <array>

namespace plumbline::cloud {
namespace {

/// As the providers write it: terraform-plugin-sdk's UserAgent() ("Terraform/1.11.4 (+https://www.terraform.io)") and
/// what they put behind it, pulumi-aws' "PulumiAWS/6" behind "APN/1.0 Pulumi/1.0".
struct Mark {
  std::string_view text, tool;
};
constexpr std::array<Mark, 5> marks = {{{"Terraform/", "terraform"},
                                        {"terraform-provider-", "terraform"},
                                        {"OpenTofu/", "terraform"},
                                        {"Pulumi/", "pulumi"},
                                        {"pulumi-", "pulumi"}}};

/// A product's name begins a word.
bool has_word(std::string_view text, std::string_view word) {
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1))
    if (at == 0 || text[at - 1] == ' ' || text[at - 1] == '(' || text[at - 1] == ';') return true;
  return false;
}

}  // namespace

std::string_view tool_of(std::span<const HeaderField> headers) {
  const auto agent = header(headers, "user-agent");
  const auto found = std::find_if(marks.begin(), marks.end(), [&](const Mark& m) { return has_word(agent, m.text); });
  return found == marks.end() ? std::string_view() : found->tool;
}

}  // namespace plumbline::cloud
