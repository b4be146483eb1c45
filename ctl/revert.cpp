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

/// What goes before a command so that it runs in the container. "" = on the node.
std::string within(const std::optional<wire::Container>& container) {
  if (!container) return "";
  const wire::Container& c = *container;
  if (!c.pod.empty())
    return "kubectl exec -n " + shell_quote(c.pod_namespace) + " " + shell_quote(c.pod) +
           (c.name.empty() ? "" : " -c " + shell_quote(c.name)) + " -- ";
  const bool is_engine = c.runtime == "podman" || c.runtime == "docker";
  return (is_engine ? c.runtime : "runc") + " exec " + shell_quote(c.id) + " ";
}

}  // namespace

std::vector<std::string> how_to_put_back(const wire::Drift& drift) {
  std::vector<std::string> lines;
  const std::string path = shell_quote(drift.where.path), run = within(drift.where.container);
  const std::string address = terraform_address(drift.resource);
  bool content = drift.call.has_value();
  for (const auto& d : drift.diff) {
    if (d.attribute == "mode") {
      lines.push_back(run + "chmod " + shell_quote(d.expected) + " -- " + path);
    } else if (d.attribute == "owner") {
      lines.push_back(run + "chown -h " + shell_quote(d.expected) + " -- " + path);
    } else if (d.attribute == "group") {
      lines.push_back(run + "chgrp -h " + shell_quote(d.expected) + " -- " + path);
    } else if (d.attribute == "symlink_target") {
      lines.push_back(run + "ln -sfnT -- " + shell_quote(d.expected) + " " + path);
    } else if (d.attribute == "existence" && d.expected == "absent") {
      lines.push_back(run + "rm -- " + path);
    } else if (d.attribute == "absent") {
      lines.push_back(run + "rm -- " + shell_quote(drift.where.path + "/" + d.live));
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
    const std::string from = "# restore the content from its source (package, repository, backup)";
    const bool in_container = !run.empty();
    if (in_container) lines.insert(lines.begin(), "# or start the container anew, from its image");
    if (in_container && !digest.empty())
      lines.insert(lines.begin(), run + "sha256sum -- " + path + "    # " + digest);
    else if (!digest.empty())
      lines.insert(lines.begin(), "echo " + shell_quote(digest + "  " + drift.where.path) + " | sha256sum --check");
    lines.insert(lines.begin(), from + (digest.empty() ? ""
                                        : in_container ? "; then this must print what stands behind it:"
                                                       : "; then this must say OK:"));
  }
  return lines;
}

}  // namespace plumbline::ctl
