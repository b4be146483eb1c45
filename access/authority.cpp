#include "access/authority.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <filesystem>

#include "access/certificate_names.hpp"
#include "fetch/secret.hpp"
#include "include/util/free_with.hpp"
#include "include/util/hex.hpp"
#include "include/util/own_folder.hpp"
#include "include/util/replace_file.hpp"

namespace plumbline::access {
namespace {

using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;
using Request = std::unique_ptr<X509_REQ, FreeWith<X509_REQ_free>>;
using Bio = std::unique_ptr<BIO, FreeWith<BIO_free>>;

constexpr std::size_t longest_pem = 64 << 10;
constexpr std::chrono::seconds ca_lasts = std::chrono::hours(24 * 365 * 10);
constexpr std::chrono::seconds clocks_differ = std::chrono::minutes(5);
constexpr int least_rsa_bits = 2048;

Error failed(const std::string& what) {
  std::array<char, 256> text{};
  ::ERR_error_string_n(::ERR_get_error(), text.data(), text.size());
  ::ERR_clear_error();
  return {ErrorCode::internal, what, text.data(), ""};
}

Bio read_only(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

template <class Write>
Result<std::string> to_pem(const std::string& what, Write write) {
  const Bio out(BIO_new(BIO_s_secmem()));
  char* bytes = nullptr;
  if (!out || write(out.get()) != 1) return failed(what);
  const long size = BIO_get_mem_data(out.get(), &bytes);
  return std::string(bytes, static_cast<std::size_t>(size));
}

Result<std::string> pem_of(EVP_PKEY* key) {
  return to_pem("write a key", [&](BIO* out) {
    return PEM_write_bio_PKCS8PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

Request request_of(const std::string& pem) {
  if (pem.size() > longest_pem) return nullptr;
  return Request(PEM_read_bio_X509_REQ(read_only(pem).get(), nullptr, nullptr, nullptr));
}

bool add_extension(X509* certificate, int kind, const std::string& value) {
  const std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>> made(
      X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
  return made && X509_add_ext(certificate, made.get(), -1) == 1;
}

/// What every certificate of ours has: a random serial number, its time, its key, its name.
Certificate begin(EVP_PKEY* key, const std::string& name, std::chrono::seconds lasts, std::int64_t not_before = 0) {
  const std::int64_t from = std::max<std::int64_t>(std::time(nullptr) - clocks_differ.count(), not_before);
  Certificate made(X509_new());
  std::array<unsigned char, 16> serial{};
  const std::unique_ptr<BIGNUM, FreeWith<BN_free>> number(RAND_bytes(serial.data(), serial.size()) == 1 ? BN_new()
                                                                                                        : nullptr);
  serial[0] &= 0x7F;
  if (!made || !number || BN_bin2bn(serial.data(), serial.size(), number.get()) == nullptr ||
      X509_set_version(made.get(), X509_VERSION_3) != 1 ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(made.get())) == nullptr ||
      ASN1_TIME_set(X509_getm_notBefore(made.get()), from) == nullptr ||
      X509_gmtime_adj(X509_getm_notAfter(made.get()), lasts.count()) == nullptr ||
      X509_set_pubkey(made.get(), key) != 1 ||
      X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(name.data()), static_cast<int>(name.size()), -1,
                                 0) != 1)
    return nullptr;
  return made;
}

const EVP_MD* digest_for(EVP_PKEY* key) {
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
}

bool is_strong(EVP_PKEY* key) {
  const int kind = EVP_PKEY_get_base_id(key);
  if (kind == EVP_PKEY_RSA) return EVP_PKEY_get_bits(key) >= least_rsa_bits && EVP_PKEY_get_bits(key) <= 8192;
  return kind == EVP_PKEY_ED25519 || (kind == EVP_PKEY_EC && EVP_PKEY_get_bits(key) >= 256);
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm utc{};
  return ASN1_TIME_to_tm(time, &utc) == 1 ? ::timegm(&utc) : 0;
}

}  // namespace

struct Authority::Impl {
  Key key;
  Certificate certificate;
};

Authority::Authority(std::unique_ptr<Impl> impl, std::string ca_file)
    : impl_(std::move(impl)), ca_file_(std::move(ca_file)) {}
Authority::~Authority() = default;

namespace {

std::string what_of(const AuthorityFiles& files, AuthorityOf whom) {
  return std::string("open the authority of ") + (whom == AuthorityOf::nodes ? "nodes" : "this server") + " in " +
         std::filesystem::path(files.key).parent_path().string();
}

}  // namespace

Result<std::unique_ptr<Authority>> Authority::open(const std::string& folder, AuthorityOf whom) {
  const bool is_nodes = whom == AuthorityOf::nodes;
  if (auto made =
          make_own_folder(folder, is_nodes ? "folder of the nodes' authority" : "folder of this server's authority",
                          is_nodes ? "agents.enrolment" : "tls.own");
      !made)
    return made.error();
  return read_or_make({folder + "/ca.key", folder + "/ca.pem"}, whom);
}

Result<std::unique_ptr<Authority>> Authority::read(const AuthorityFiles& files, AuthorityOf whom) {
  const auto key = fetch::read_secret_file("read " + files.key, files.key, longest_pem);
  const auto certificate = fetch::read_secret_file("read " + files.certificate, files.certificate, longest_pem);
  if (!key) return key.error();
  if (!certificate) return certificate.error();
  auto impl = std::make_unique<Impl>();
  impl->key.reset(PEM_read_bio_PrivateKey(read_only(std::string(key->view())).get(), nullptr, nullptr, nullptr));
  impl->certificate.reset(
      PEM_read_bio_X509(read_only(std::string(certificate->view())).get(), nullptr, nullptr, nullptr));
  if (!impl->key || !impl->certificate || X509_check_private_key(impl->certificate.get(), impl->key.get()) != 1) {
    ::ERR_clear_error();
    const auto name = [](const std::string& path) { return std::filesystem::path(path).filename().string(); };
    return Error{ErrorCode::corrupt, what_of(files, whom),
                 name(files.key) + " and " + name(files.certificate) + " are damaged, or do not belong together",
                 "restore both"};
  }
  return std::unique_ptr<Authority>(new Authority(std::move(impl), files.certificate));
}

Result<std::unique_ptr<Authority>> Authority::read_or_make(const AuthorityFiles& files, AuthorityOf whom) {
  const bool is_nodes = whom == AuthorityOf::nodes;
  const std::string what = what_of(files, whom);
  const bool has_key = std::filesystem::exists(files.key), has_certificate = std::filesystem::exists(files.certificate);
  if (has_key != has_certificate)
    return Error{ErrorCode::corrupt, what, (has_key ? files.certificate : files.key) + " is missing",
                 is_nodes ? "restore it; or remove the other one, too, and enrol all nodes again"
                          : "restore it; or remove the other one, too, and give clients the new ca.pem"};
  if (has_key) return read(files, whom);
  auto impl = std::make_unique<Impl>();
  impl->key.reset(EVP_EC_gen("P-256"));
  std::array<std::byte, 4> random{};
  RAND_bytes(reinterpret_cast<unsigned char*>(random.data()), random.size());
  if (impl->key)
    impl->certificate =
        begin(impl->key.get(), (is_nodes ? "plumbline nodes " : "plumbline ") + to_hex(random), ca_lasts);
  if (!impl->certificate ||
      X509_set_issuer_name(impl->certificate.get(), X509_get_subject_name(impl->certificate.get())) != 1 ||
      !add_extension(impl->certificate.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(impl->certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign") ||
      X509_sign(impl->certificate.get(), impl->key.get(), EVP_sha256()) == 0)
    return failed(what);
  auto key = pem_of(impl->key.get());
  if (!key) return key.error();
  const auto secret = fetch::Secret::take(*key);
  const auto certificate = to_pem(what, [&](BIO* out) { return PEM_write_bio_X509(out, impl->certificate.get()); });
  if (!certificate) return certificate.error();
  if (auto written = replace_file(files.key, secret.view()); !written) return written.error();
  if (auto written = replace_file(files.certificate, *certificate); !written) return written.error();
  return std::unique_ptr<Authority>(new Authority(std::move(impl), files.certificate));
}

std::string Authority::fingerprint() const {
  std::array<std::byte, 32> digest{};
  X509_digest(impl_->certificate.get(), EVP_sha256(), reinterpret_cast<unsigned char*>(digest.data()), nullptr);
  return to_hex(digest);
}

Result<std::string> Authority::sign(const std::string& request, const std::string& node, std::chrono::seconds lasts,
                                    std::int64_t not_before) const {
  // Names of nodes may be longer than a CN can be (64); the URI has it whole.
  return sign("sign a certificate for " + node, request, "plumbline node", "clientAuth", "URI:" + uri_of_node(node),
              lasts, not_before);
}

Result<std::string> Authority::sign_server(const std::string& request, const std::vector<std::string>& names,
                                           std::chrono::seconds lasts) const {
  std::string alternative;
  for (const auto& name : names) {
    if (!is_dns_name(name))  // it would be read as more than a name
      return invalid("sign a certificate for a server", "`" + name + "` is no DNS name", "");
    alternative += (alternative.empty() ? "DNS:" : ",DNS:") + name;
  }
  return sign("sign a certificate for this server", request, "plumbline", "serverAuth", alternative, lasts, 0);
}

Result<std::string> Authority::sign(const std::string& what, const std::string& request, const std::string& name,
                                    const std::string& usage, const std::string& alternative,
                                    std::chrono::seconds lasts, std::int64_t not_before) const {
  const Request asked = request_of(request);
  EVP_PKEY* key = asked ? X509_REQ_get0_pubkey(asked.get()) : nullptr;
  const bool is_fine = key != nullptr && is_strong(key) && X509_REQ_verify(asked.get(), key) == 1;
  ::ERR_clear_error();
  if (!is_fine)
    return invalid(what, "the request is no PKCS #10 in PEM that its own key signed, or its key is weak",
                   "make one for a key of P-256, P-384, Ed25519 or RSA of 2048 bits");
  const Certificate made = begin(key, name, lasts, not_before);
  if (!made || X509_set_issuer_name(made.get(), X509_get_subject_name(impl_->certificate.get())) != 1 ||
      !add_extension(made.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(made.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(made.get(), NID_ext_key_usage, usage) ||
      !add_extension(made.get(), NID_subject_alt_name, alternative) ||
      X509_sign(made.get(), impl_->key.get(), digest_for(impl_->key.get())) == 0)
    return failed(what);
  return to_pem(what, [&](BIO* out) { return PEM_write_bio_X509(out, made.get()); });
}

std::string key_of_request(const std::string& request) {
  const Request asked = request_of(request);
  ::ERR_clear_error();
  if (!asked) return "";
  std::array<std::byte, 32> digest{};
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(asked.get()), &der);
  if (size <= 0) return "";
  EVP_Digest(der, static_cast<std::size_t>(size), reinterpret_cast<unsigned char*>(digest.data()), nullptr,
             EVP_sha256(), nullptr);
  OPENSSL_free(der);
  return to_hex(digest);
}

Result<std::string> make_key() {
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return failed("make a key");
  return pem_of(key.get());
}

Result<std::string> make_request(const std::string& pem) {
  const std::string what = "make a signing request";
  const Key key(PEM_read_bio_PrivateKey(read_only(pem).get(), nullptr, nullptr, nullptr));
  const Request made(X509_REQ_new());
  if (!key || !made || X509_REQ_set_version(made.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_pubkey(made.get(), key.get()) != 1 ||
      X509_REQ_sign(made.get(), key.get(), digest_for(key.get())) == 0)
    return failed(what);
  return to_pem(what, [&](BIO* out) { return PEM_write_bio_X509_REQ(out, made.get()); });
}

Result<Lifetime> lifetime_of(const std::string& pem) {
  const Certificate certificate(PEM_read_bio_X509(read_only(pem).get(), nullptr, nullptr, nullptr));
  ::ERR_clear_error();
  if (!certificate) return Error{ErrorCode::corrupt, "read a certificate", "it is none", ""};
  return Lifetime{seconds_of(X509_get0_notBefore(certificate.get())),
                  seconds_of(X509_get0_notAfter(certificate.get()))};
}

}  // namespace plumbline::access
