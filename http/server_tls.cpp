#include "http/server_tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <array>
#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <ctime>
#include <mutex>

namespace plumbline::http {
namespace {

using Context = boost::asio::ssl::context;
using Steady = std::chrono::steady_clock;

constexpr std::chrono::seconds look_again{1};

/// What tells whether a file was replaced: Kubernetes swaps a symlink, others rename or write.
struct FileState {
  ::dev_t device = 0;
  ::ino_t inode = 0;
  ::off_t size = 0;
  std::int64_t modified = 0;
  bool operator==(const FileState&) const = default;
};

FileState state_of(const std::string& path) {
  struct stat status{};
  if (path.empty() || ::stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino, status.st_size,
          status.st_mtim.tv_sec * std::int64_t{1'000'000'000} + status.st_mtim.tv_nsec};
}

using States = std::array<FileState, 4>;

States states_of(const TlsFiles& files) {
  return {state_of(files.certificate_file), state_of(files.key_file), state_of(files.client_ca_file),
          state_of(files.own_ca_file)};
}

std::string reason() {
  std::array<char, 256> text{};
  ::ERR_error_string_n(::ERR_get_error(), text.data(), text.size());
  ::ERR_clear_error();
  return text.data();
}

Error refused(const std::string& what, const std::string& path, const std::string& fix) {
  if (struct stat status{}; ::stat(path.c_str(), &status) != 0) return io_error(what + " " + path, errno);
  return Error{ErrorCode::invalid_argument, what + " " + path, reason(), fix};
}

Result<std::shared_ptr<Context>> read(const TlsFiles& files) {
  auto context = std::make_shared<Context>(Context::tls_server);
  SSL_CTX* ctx = context->native_handle();
  ::ERR_clear_error();
  ::SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  ::SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Without memory of its own for connections that wait.
  ::SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  if (::SSL_CTX_use_certificate_chain_file(ctx, files.certificate_file.c_str()) != 1)
    return refused("read the certificate", files.certificate_file, "give PEM: the server's certificate first");
  if (::SSL_CTX_use_PrivateKey_file(ctx, files.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return refused("read the key", files.key_file, "give the certificate's own key, PEM, without a password");
  if (files.client_ca_file.empty() && files.own_ca_file.empty()) return context;
  auto* names = sk_X509_NAME_new_null();
  ::SSL_CTX_set_client_CA_list(ctx, names);  // the context's now
  for (const auto* path : {&files.client_ca_file, &files.own_ca_file}) {
    if (path->empty()) continue;
    if (::SSL_CTX_load_verify_locations(ctx, path->c_str(), nullptr) != 1 ||
        ::SSL_add_file_cert_subjects_to_stack(names, path->c_str()) != 1)
      return refused("read the clients' CA", *path, "give PEM");
  }
  ::SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  constexpr std::array<unsigned char, 9> name = {'p', 'l', 'u', 'm', 'b', 'l', 'i', 'n', 'e'};
  ::SSL_CTX_set_session_id_context(ctx, name.data(), name.size());  // sessions of clients with certificates want one
  return context;
}

std::int64_t expiry_of(const Context& context) {
  const X509* certificate = ::SSL_CTX_get0_certificate(const_cast<Context&>(context).native_handle());
  std::tm time{};
  if (certificate == nullptr || ::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate), &time) != 1) return 0;
  return ::timegm(&time);
}

}  // namespace

struct ServerTls::Impl {
  TlsFiles files;
  mutable std::mutex mutex;
  std::shared_ptr<Context> context;
  States read_of{};  // what the files were when they were read last, in vain or not
  Steady::time_point looked;
  State state;
};

ServerTls::ServerTls(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ServerTls::~ServerTls() = default;

Result<std::shared_ptr<ServerTls>> ServerTls::load(TlsFiles files) {
  auto impl = std::make_unique<Impl>();
  impl->read_of = states_of(files);
  auto context = read(files);
  if (!context) return context.error();
  impl->files = std::move(files);
  impl->context = std::move(*context);
  impl->looked = Steady::now();
  impl->state.expires_s = expiry_of(*impl->context);
  return std::shared_ptr<ServerTls>(new ServerTls(std::move(impl)));
}

std::shared_ptr<Context> ServerTls::current() {
  const std::lock_guard lock(impl_->mutex);
  const auto now = Steady::now();
  if (now - impl_->looked < look_again) return impl_->context;
  impl_->looked = now;
  const States states = states_of(impl_->files);
  if (states == impl_->read_of) return impl_->context;
  impl_->read_of = states;
  auto fresh = read(impl_->files);
  auto& state = impl_->state;
  if (!fresh) {  // half of it was replaced, or it is damaged
    ++state.failures;
    state.trouble = fresh.error().message();
    return impl_->context;
  }
  ++state.reloads;
  state.trouble.clear();
  impl_->context = std::move(*fresh);
  state.expires_s = expiry_of(*impl_->context);
  return impl_->context;
}

ServerTls::State ServerTls::state() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->state;
}

Trust trust_of(ssl_st* ssl) {
  const long result = SSL_get_verify_result(ssl);
  if (result == X509_V_OK) return Trust::fine;
  return result == X509_V_ERR_CERT_HAS_EXPIRED || result == X509_V_ERR_CERT_NOT_YET_VALID ? Trust::expired
                                                                                          : Trust::none;
}

std::shared_ptr<const ClientCertificate> certificate_of(ssl_st* ssl) {
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl), X509_free);
  if (!certificate || SSL_get_verify_result(ssl) != X509_V_OK) return nullptr;
  auto names = std::make_shared<ClientCertificate>();
  const auto text = [](const ASN1_STRING* value) {
    const auto* bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(value));
    std::string name(bytes, static_cast<std::size_t>(ASN1_STRING_length(value)));
    return name.find('\0') == std::string::npos ? name : std::string();
  };
  const X509_NAME* subject = X509_get_subject_name(certificate.get());
  if (const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1); at >= 0)
    names->common_name = text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> all(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const auto* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type == GEN_DNS) names->dns_names.push_back(text(name->d.dNSName));
    if (name->type == GEN_URI) names->uris.push_back(text(name->d.uniformResourceIdentifier));
  }
  std::tm began{};
  if (ASN1_TIME_to_tm(X509_get0_notBefore(certificate.get()), &began) == 1) names->not_before = ::timegm(&began);
  return names;
}

}  // namespace plumbline::http
