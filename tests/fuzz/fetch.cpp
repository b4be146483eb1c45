// What servers and files tell the fetching thread, beside the sources themselves: locations, credentials files, answers
// of token services, and lists and objects of Kubernetes before they become one source.
#include <sys/mman.h>
#include <unistd.h>

#include "baseline/baseline.hpp"
#include "baseline/kubelet.hpp"
#include "fetch/aws_credentials.hpp"
#include "fetch/aws_profile.hpp"
#include "fetch/azure.hpp"
#include "fetch/gcs.hpp"
#include "fetch/handout.hpp"
#include "fetch/kubernetes_origin.hpp"
#include "fetch/pods_document.hpp"
#include "fetch/s3.hpp"
#include "fetch/secret_document.hpp"
#include "include/util/fd.hpp"
#include "tests/fuzz/must.hpp"

using namespace plumbline::fetch;
using plumbline::fuzz::must;

namespace {

/// The same bytes as a page of pods and as whatever they mount.
void check_pods(std::string_view bytes) {
  PodsDocument document;
  const auto page = document.add_pods(bytes);
  if (!page) return plumbline::fuzz::must_be_readable(page.error());
  for (const auto& object : document.mounted()) {
    must(is_kubernetes_name(object.ns) && is_kubernetes_name(object.name), "what is asked for has a name");
    if (const auto mark = document.add_object(object, bytes); !mark) plumbline::fuzz::must_be_readable(mark.error());
  }
  const plumbline::baseline::KeyedHash key{std::array<std::byte, 32>{}};
  plumbline::baseline::SourceSpec spec{"node", "kubernetes", std::string(plumbline::baseline::pods_location)};
  const auto read = plumbline::baseline::parse(spec, document.finish(), key);
  if (!read) return plumbline::fuzz::must_be_readable(read.error());
  for (const auto& file : read->files)
    must(plumbline::baseline::volume_folders(spec.kubelet_dir, file.path).has_value(), "a file is in a volume");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto s3 = parse_s3_location(text)) must(!s3->bucket.empty() && !s3->key.empty(), "a location is whole");
  if (const auto gcs = parse_gcs_location(text))
    must(!gcs->bucket.empty() && !gcs->object.empty(), "a location is whole");
  if (const auto azure = parse_azure_location(text))
    must(!azure->account.empty() && !azure->blob.empty(), "a location is whole");
  if (const auto kubernetes = parse_kubernetes_location(text)) must(!kubernetes->name.empty(), "a location is whole");

  check_pods(text);

  const auto found = aws::xml_text(text, "AccessKeyId");
  must(found.empty() || text.find(found) != std::string::npos, "an element is part of its document");
  if (const auto document = SecretDocument::parse(text)) {
    (void)document->text({"access_token"});
    (void)document->text({"Credentials", "SecretAccessKey"});
    (void)document->number("expires_in");
  }

  if (const auto handout = parse_handout(text)) {
    const auto again = parse_handout(handout_json(*handout));
    must(again && again->baselines == handout->baselines && again->missing == handout->missing,
         "a handout survives being written");
  }
  // Signed by the fuzzer's own key: what is not is refused before anything of it is read.
  static const Ed25519Key seed{};
  if (const auto opened = open_signed("t", sign("t", text, seed), public_key_of(seed)))
    must(*opened == text, "what was signed comes out");
  (void)open_signed("t", text, public_key_of(seed));

  const plumbline::Fd file(::memfd_create("profile", MFD_CLOEXEC));
  must(::write(file.get(), data, size) == static_cast<ssize_t>(size), "a memory file can be written");
  const auto profile = aws::read_profile("/proc/self/fd/" + std::to_string(file.get()), "default");
  if (!profile) plumbline::fuzz::must_be_readable(profile.error());
  return 0;
}
