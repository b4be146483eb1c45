// A certificate authority of a test's own.
#pragma once

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

#include "include/util/free_with.hpp"

namespace plumbline::test {

/// Writes certificates and their keys as PEM files. Names: as of openssl's subjectAltName,
/// "DNS:localhost,URI:spiffe://…".
class Authority {
 public:
  explicit Authority(const std::string& name = "plumbline test") : key_(EVP_EC_gen("P-256")), name_(name) {
    certificate_ = make(key_.get(), name, "", -3'600, 86'400, true);
  }

  void write_certificate(const std::string& path) const { write(path, certificate_.get()); }

  struct Wanted {
    std::string common_name, names;
    long from_s = -3'600, until_s = 86'400;  ///< from now
  };
  void issue(const std::string& certificate_path, const std::string& key_path, const Wanted& wanted) const {
    const Key key(EVP_EC_gen("P-256"));
    write(certificate_path,
          make(key.get(), wanted.common_name, wanted.names, wanted.from_s, wanted.until_s, false).get());
    const File file(key_path);
    if (PEM_write_PrivateKey(file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
      throw std::runtime_error("no key");
  }

 private:
  using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
  using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;
  class File {
   public:
    explicit File(const std::string& path) : file_(std::fopen(path.c_str(), "w")) {
      if (file_ == nullptr) throw std::runtime_error("cannot write " + path);
    }
    ~File() { std::fclose(file_); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    std::FILE* get() const { return file_; }

   private:
    std::FILE* file_;
  };

  static void write(const std::string& path, X509* certificate) {
    const File file(path);
    if (PEM_write_X509(file.get(), certificate) != 1) throw std::runtime_error("no certificate");
  }

  Certificate make(EVP_PKEY* key, const std::string& common_name, const std::string& names, long from, long until,
                   bool is_ca) const {
    static long serial = 1;
    Certificate made(X509_new());
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), from);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), until);
    X509_set_pubkey(made.get(), key);
    const auto set_name = [](X509_NAME* to, const std::string& name) {
      X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1,
                                 0);
    };
    set_name(X509_get_subject_name(made.get()), common_name);
    X509_NAME* issuer = X509_NAME_new();
    set_name(issuer, name_);
    X509_set_issuer_name(made.get(), issuer);
    X509_NAME_free(issuer);
    const auto add = [&](int kind, const std::string& value) {
      X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
      if (extension == nullptr) throw std::runtime_error("no extension " + value);
      X509_add_ext(made.get(), extension, -1);
      X509_EXTENSION_free(extension);
    };
    add(NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (!names.empty()) add(NID_subject_alt_name, names);
    if (X509_sign(made.get(), key_.get(), EVP_sha256()) == 0) throw std::runtime_error("not signed");
    return made;
  }

  Key key_;
  std::string name_;
  Certificate certificate_;
};

}  // namespace plumbline::test
