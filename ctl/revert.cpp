#include "ctl/revert.hpp"

#include "ctl/text.hpp"

namespace plumbline::ctl {
namespace {

/// "tofu:prod-net/module.a.local_file.x[\"k\"]" → what OpenTofu and Terraform call it; "" for other sources.
std::string terraform_address(const std::string& resource) {
  if (!resource.starts_with("tofu:")) return "";
  const std::size_t slash = resource.find('/');
  return slash == std::string::npos ? "" : resource.substr(slash + 1);
}

}  // namespace

std::vector<std::string> how_to_put_back(const wire::Drift& drift) {
  std::vector<std::string> lines;
  const std::string path = shell_quote(drift.where.path);
  const std::string address = terraform_address(drift.resource);
  bool content = drift.call.has_value();
  for (const auto& d : drift.diff) {
    if (d.attribute == "mode") {
      lines.push_back("chmod " + shell_quote(d.expected) + " -- " + path);
    } else if (d.attribute == "owner") {
      lines.push_back("chown -h " + shell_quote(d.expected) + " -- " + path);
    } else if (d.attribute == "group") {
      lines.push_back("chgrp -h " + shell_quote(d.expected) + " -- " + path);
    } else if (d.attribute == "symlink_target") {
      lines.push_back("ln -sfnT -- " + shell_quote(d.expected) + " " + path);
    } else if (d.attribute == "existence" && d.expected == "absent") {
      lines.push_back("rm -- " + path);
    } else if (d.attribute == "absent") {
      lines.push_back("rm -- " + shell_quote(drift.where.path + "/" + d.live));
    } else {
      content = true;  // content_sha256, type, existence: the content has to come from somewhere
    }
  }
  if (content && !address.empty()) {
    lines.insert(lines.begin(), "tofu apply -target=" + shell_quote(address) +
                                    "    # in the configuration's directory; or terraform apply");
  } else if (drift.call) {
    lines.push_back("plumb run --baseline " + shell_quote(drift.baseline) +
                    " -- …    # apply again what manages it: calls of nobody known end no drift");
  } else if (content) {
    std::string digest;
    for (const auto& d : drift.diff)
      if (d.attribute == "content_sha256" && !d.sensitive && printable(drift.where.path) == drift.where.path)
        digest = d.expected;  // sha256sum's list has its own escapes for other names
    lines.insert(lines.begin(), "# restore the content from its source (package, repository, backup)" +
                                    (digest.empty() ? std::string() : "; then this must say OK:"));
    if (!digest.empty())
      lines.insert(lines.begin() + 1, "echo " + shell_quote(digest + "  " + drift.where.path) + " | sha256sum --check");
  }
  return lines;
}

}  // namespace plumbline::ctl
