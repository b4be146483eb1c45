// What the readers of Terraform's and OpenTofu's formats share: an instance of a resource, however it was written,
// becomes a resource of the baseline and, where it is a file of the node, its expectation.
//
// Sources of the facts: internal/states/statefile/version4.go, internal/command/jsonstate and internal/encryption of
// OpenTofu (Terraform's are the same but for the encryption), hashicorp/terraform-provider-local.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>
#include <vector>

#include "baseline/builder.hpp"
#include "baseline/source/readers.hpp"
#include "baseline/source/terraform_identity.hpp"
#include "baseline/source/terraform_provider.hpp"
#include "baseline/value/attributes.hpp"

namespace plumbline::baseline {

/// One current (not deposed) instance of a managed resource. `lifecycle.ignore_changes` is in none of the formats (nor
/// in the `configuration` of a plan), so no resource of Terraform has `ignored` paths.
struct TerraformInstance {
  std::string address;        ///< whole: "tofu:prod-net/module.web[0].local_file.f[\"a\"]"
  std::string_view type;      ///< "aws_s3_bucket"
  std::string_view provider;  ///< as the source writes it (terraform_provider_name())
  simdjson::dom::object attributes;
  std::string pointer;                 ///< JSON pointer of `attributes` in the source: "/resources/0/…", for errors
  bool all_sensitive = false;          ///< marked as a whole
  std::vector<std::string> sensitive;  ///< marked paths, syntax of Attribute::path
  std::vector<std::string> unknown;    ///< paths that are known only after an apply: neither value nor absence is meant
};

/// Hands instances to a builder. Values of which the provider's schema leaves the type open are wrapped in a state, as
/// {"value": …, "type": "string"}, and not in `show -json`: they are taken out of it. Keeps its buffers between them;
/// one thread. The references outlive it.
class TerraformEmitter {
 public:
  /// `base`: absolute directory from which relative file names are taken, which is where the tool ran; "" where that is
  /// not known, and such files are skipped.
  TerraformEmitter(const SourceSpec& spec, const Keys& keys, Builder& out, std::string base);

  /// The resource, and for local_file and local_sensitive_file the file. Errors: a key that stands twice in an object
  /// of the attributes, and a local file that contradicts itself or that the provider cannot have written, which means
  /// that the source is damaged as a whole.
  Result<void> emit(const TerraformInstance& instance);

  /// Whether the next instance of that type and with those marks may be told by what differs: by changes of walk(),
  /// then emit_again().
  bool can_repeat() const { return can_repeat_; }
  /// Of the members of that type that hold tags.
  AttributeRules::Merged merged() const { return merged_tags(provider_); }
  AttributeWalk& walk() { return walk_; }
  const AttributeWalk& walk() const { return walk_; }
  /// The last resource, under another address and with the attributes as they are now. `members`: those that name it.
  void emit_again(const std::string& address, const NamingMembers& members);
  /// Gives the memory back that the last instance took: where that was a large one, the next may not be.
  void forget();

 private:
  void look_at_members(const TerraformInstance& instance);
  void prepare_rules(const TerraformInstance& instance);
  void merge_tags(const TerraformInstance& instance);
  bool rules_in_use() const;
  void append_dynamic(const TerraformInstance& instance);
  bool flatten(const TerraformInstance& instance);
  void drop_ids_of_secrets();

  const SourceSpec& spec_;
  const Keys& keys_;
  Builder& out_;
  std::string base_;
  std::string raw_provider_;                                  ///< of the last instance, as the source writes it
  Resource resource_;                                         ///< of the last instance
  AttributeRules rules_;                                      ///< of the last instance; those of its type come first
  std::string type_;                                          ///< for which the first parts of rules_ were made
  std::string provider_;                                      ///< ditto
  std::size_t computed_of_type_ = 0, sensitive_of_type_ = 0;  ///< how many of the rules are those of the type
  std::string canonical_;                                     ///< of the id at hand
  NamingMembers naming_;                                      ///< of the last instance
  std::vector<std::string_view> id_names_;                    ///< of its type
  std::vector<std::string> id_names_without_;                 ///< the rules' sensitive paths, for which they were made
  bool has_dynamic_ = false, can_repeat_ = false;             ///< ditto
  AttributeWalk walk_;
  AttributeRules in_use_;   ///< of walk_
  bool is_of_type_ = true;  ///< in_use_ begins with the rules of type_ too
};

/// Appends `["a"]` for a for_each key, `[0]` for a count index, nothing for null, as both tools print them (internal/
/// addrs/instance_key.go), so that an address can be pasted into `tofu state show`. False for anything else.
bool append_terraform_index(simdjson::dom::element key, std::string& address);

/// A key as HCL quotes it (toHCLQuotedString); characters beyond ASCII are all taken for printable.
std::string hcl_quoted(std::string_view name);

/// The error of a key that stands twice in its object.
Error key_twice(const SourceSpec& spec, const std::string& pointer);

/// Whether `top` is a state or plan that OpenTofu encrypted (internal/encryption/base.go: `encryption_version`).
bool is_encrypted_by_tofu(simdjson::dom::object top);

/// What an encrypted state shows without its key: serial and lineage become the revision, one skip line says that drift
/// is seen only coarsely. No resources. An error where serial and lineage are missing (an encrypted plan has none).
Result<void> read_encrypted_state(const SourceSpec& spec, simdjson::dom::object top, Builder& out);

}  // namespace plumbline::baseline
