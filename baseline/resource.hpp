// One IaC-managed thing as its source describes it: what it is called, by which ids others know it, what it should be.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace plumbline::baseline {

/// A keyed 64-bit hash of a canonical value (value/fingerprint.hpp); 0 stands for "absent" and nothing else.
using Fingerprint = std::uint64_t;

/// One declared attribute. Maps are flattened to their leaves, lists are one value (value/attributes.hpp).
struct Attribute {
  std::string path;        ///< "acl", "tags.Name", "spec.replicas"; a dot within a key is written as "\."
  Fingerprint hash = 0;    ///< of the canonical value; 0: declared to be absent (null, "", [] or {})
  std::string value;       ///< the canonical value, where it is short and not sensitive; "" otherwise
  bool sensitive = false;  ///< the source or its name says so: the value is never kept nor shown
};

struct Resource {
  std::string address;   ///< "tofu:prod-net/local_file.nginx", "k8s:prod/apps/v1/Deployment/shop/web"
  std::string provider;  ///< "aws", "google", "azurerm", "kubernetes", "local", "ansible", …; "" for a manifest
  std::string
      type;  ///< the source's own: "aws_s3_bucket", "AWS::S3::Bucket", "aws:s3/bucket:Bucket", "apps/v1/Deployment"
  /// Every form by which a file event or an API call may name it: id, ARN, self link, URL, name. No empty ones, no
  /// duplicates, the one that the provider itself calls its id first.
  std::vector<std::string> ids;
  std::string region;   ///< or zone, location; "" where it has none or the source does not say
  std::string account;  ///< AWS account, Google project, Azure subscription; "" where not known
  std::vector<Attribute> attributes;
  /// Paths (themselves and everything below) that the source's author wants no drift of: ignore_changes,
  /// ignoreDifferences, replicas under an autoscaler. Same syntax as Attribute::path.
  std::vector<std::string> ignored;
};

}  // namespace plumbline::baseline
