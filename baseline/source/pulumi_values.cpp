#include "baseline/source/pulumi_values.hpp"

#include <string.h>

#include "baseline/keyed_hash.hpp"
#include "baseline/source/json_members.hpp"
#include "baseline/source/json_text.hpp"
#include "baseline/value/attributes.hpp"
#include "include/util/hex.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::string_view signature_key = "4dabf18193072939515e22adb298388d";
constexpr std::string_view secret_signature = "1b47061264138c4ac30d75fd1eb44270";
constexpr std::string_view asset_signature = "c44067f5952c0a294b673a41bacd8c17";
constexpr std::string_view archive_signature = "0def7320c3a5731c473e5ecbe6d01bc7";
constexpr std::string_view reference_signature = "5cf8f73096256a8f31e491e813e4eb8e";
constexpr std::string_view output_signature = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
constexpr std::string_view unknown_value = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";  // computedValuePlaceholder

constexpr std::size_t max_paths = 256;  ///< more secrets than this: all of the resource is one
constexpr std::size_t longest_path = 4096;
constexpr int max_secrets_within = 4;  ///< a secret in a secret in …: Pulumi writes two at most

class Opener {
 public:
  explicit Opener(PulumiProperties& out) : out_(out) {}

  void open(const object& properties) { put_object(properties, false); }

 private:
  /// Writes the plain value; "" or why there is none, and then nothing is written.
  std::string_view put(const element& value, bool in_list) {
    array list;
    if (is_list(value, list)) return put_list(list);
    object members;
    if (is_object(value, members)) {
      const auto signature = text_member(members, signature_key);
      return signature.empty() ? put_object(members, in_list) : put_envelope(members, signature, in_list);
    }
    std::string_view text;
    if (value.get_string().get(text) == simdjson::SUCCESS && text == unknown_value)
      return "known only after the next update";
    out_.json.scalar(value);
    return {};
  }

  std::string_view put_list(const array& list) {
    const auto mark = out_.json.mark();
    out_.json.open('[');
    for (const element item : list)
      if (const auto why = put(item, true); !why.empty()) {
        out_.json.undo(mark);
        return why;
      }
    out_.json.close();
    return {};
  }

  std::string_view put_object(const object& members, bool in_list) {
    const auto before = out_.json.mark();
    out_.json.open('{');
    for (const auto& [key, value] : members) {
      if (key.starts_with("__")) continue;
      const auto mark = out_.json.mark();
      const std::size_t size = path_.size();
      if (!in_list) path_ += (size == 0 ? "" : ".") + path_part(key);  // a list is one value, whatever is in it
      out_.json.key(key);
      const auto why = path_.size() > longest_path ? "its name is too long"
                       : key.empty() && !in_list   ? "a name that is empty"
                                                   : put(value, in_list);
      if (!why.empty() && in_list) {
        out_.json.undo(before);
        return why;
      }
      if (!why.empty()) {
        out_.json.undo(mark);
        out_.left_out.add(path_, why);
      }
      path_.resize(size);
    }
    out_.json.close();
    return {};
  }

  std::string_view put_envelope(const object& envelope, std::string_view signature, bool in_list) {
    if (signature == secret_signature) return put_secret(envelope, in_list);
    if (signature == asset_signature || signature == archive_signature) return put_content(envelope);
    if (signature == reference_signature) {
      const auto id = text_member(envelope, "id");
      const auto name = id.empty() ? text_member(envelope, "urn") : id;
      if (name.empty()) return "a reference to nothing";
      out_.json.text(name);
      return {};
    }
    element inner;
    if (signature == output_signature) {
      if (envelope["value"].get(inner) != simdjson::SUCCESS) return "known only after the next update";
      if (flag_member(envelope, "secret")) add_sensitive();
      return put(inner, in_list);
    }
    // Bytes that are no text, floating-point numbers that JSON lacks, and whatever comes.
    return "no plain value";
  }

  std::string_view put_secret(const object& envelope, bool in_list) {
    const auto plaintext = text_member(envelope, "plaintext");
    if (plaintext.empty()) return "encrypted";
    if (++secrets_within_ > max_secrets_within) return "a secret within secrets";
    add_sensitive();
    JsonText json;
    const auto inner = json.parse("read a secret", plaintext);
    const auto why = inner ? put(*inner, in_list) : std::string_view("a secret that is not JSON");
    --secrets_within_;
    return why;
  }

  std::string_view put_content(const object& envelope) {
    if (const auto hash = text_member(envelope, "hash"); !hash.empty()) {
      out_.json.text(hash);
      return {};
    }
    if (const auto text = text_member(envelope, "text"); !text.empty()) {
      out_.json.text(to_hex(sha256(text)));
      return {};
    }
    return "an asset without a hash";
  }

  void add_sensitive() {
    if (!out_.sensitive.empty() && out_.sensitive.back() == path_) return;
    if (path_.empty() || out_.sensitive.size() == max_paths)
      out_.all_sensitive = true;
    else
      out_.sensitive.push_back(path_);
  }

  PulumiProperties& out_;
  std::string path_;
  int secrets_within_ = 0;
};

}  // namespace

void open_pulumi_properties(object properties, PulumiProperties& out) {
  out.json.clear();
  out.sensitive.clear();
  out.all_sensitive = false;
  out.left_out.clear();
  Opener(out).open(properties);
}

}  // namespace plumbline::baseline
