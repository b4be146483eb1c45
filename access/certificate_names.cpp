#include "access/certificate_names.hpp"

#include <algorithm>
#include <cctype>

#include "http/target.hpp"

namespace plumbline::access {
namespace {

constexpr std::string_view before_name = "/node/";

}  // namespace

std::vector<std::string> names_of(const http::ClientCertificate& certificate) {
  std::vector<std::string> names = certificate.uris;
  names.insert(names.end(), certificate.dns_names.begin(), certificate.dns_names.end());
  if (!certificate.common_name.empty()) names.push_back(certificate.common_name);
  return names;
}

std::vector<std::string> nodes_of(const http::ClientCertificate& certificate) {
  std::vector<std::string> nodes;
  for (const auto& uri : certificate.uris) {
    const auto at = uri.rfind(before_name);
    if (at == std::string::npos) continue;
    const auto name = http::percent_decode(std::string_view(uri).substr(at + before_name.size()));
    if (name && !name->empty() && name->find('/') == std::string::npos) nodes.push_back(*name);
  }
  if (!nodes.empty()) return nodes;
  nodes = certificate.dns_names;
  if (!certificate.common_name.empty()) nodes.push_back(certificate.common_name);
  std::erase(nodes, "");
  return nodes;
}

std::string uri_of_node(const std::string& node) {
  return "spiffe://plumbline" + std::string(before_name) + http::percent_encode(node);
}

bool is_dns_name(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  for (bool is_first = true;; is_first = false) {
    const auto label = text.substr(0, text.find('.'));
    const bool is_fine =
        (is_first && label == "*" && label.size() < text.size()) ||
        (!label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; }));
    if (!is_fine) return false;
    if (label.size() == text.size()) return true;
    text.remove_prefix(label.size() + 1);
  }
}

}  // namespace plumbline::access
