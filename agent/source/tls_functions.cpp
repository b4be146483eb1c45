#include "agent/source/tls_functions.hpp"

#include <algorithm>
#include <array>

#include "agent/source/go_functions.hpp"

namespace plumbline::agent {
namespace {

struct Known {
  std::string_view name;
  std::string_view stack;
  capture_place place;
  capture_call call;
};

// OpenSSL: SSL_write(3), SSL_read(3); BoringSSL and aws-lc have the first of each pair. GnuTLS: gnutls/gnutls.h;
// gnutls_record_send() calls gnutls_record_send2(), so one of the two is hooked. s2n-tls: api/s2n.h.
constexpr std::array known_functions{
    Known{"SSL_write", "openssl", CAPTURE_WRITE, CAPTURE_C},
    Known{"SSL_write_ex", "openssl", CAPTURE_WRITE, CAPTURE_C_EX},
    Known{"SSL_write_ex2", "openssl", CAPTURE_WRITE, CAPTURE_C_EX2},
    Known{"SSL_read", "openssl", CAPTURE_READ, CAPTURE_C},
    Known{"SSL_read_ex", "openssl", CAPTURE_READ, CAPTURE_C_EX},
    Known{"gnutls_record_send2", "gnutls", CAPTURE_WRITE, CAPTURE_C},
    Known{"gnutls_record_send", "gnutls", CAPTURE_WRITE, CAPTURE_C},
    Known{"gnutls_record_recv", "gnutls", CAPTURE_READ, CAPTURE_C},
    Known{"s2n_send", "s2n", CAPTURE_WRITE, CAPTURE_C},
    Known{"s2n_recv", "s2n", CAPTURE_READ, CAPTURE_C},
    Known{"SSL_free", "openssl", CAPTURE_CLOSE, CAPTURE_C},
    Known{"gnutls_deinit", "gnutls", CAPTURE_CLOSE, CAPTURE_C},
    Known{"s2n_connection_free", "s2n", CAPTURE_CLOSE, CAPTURE_C},
    Known{"s2n_connection_wipe", "s2n", CAPTURE_CLOSE, CAPTURE_C},
};

void add_stack(TlsFunctions& functions, std::string_view stack) {
  if (functions.stack.find(stack) != std::string::npos) return;
  functions.stack += (functions.stack.empty() ? "" : "+") + std::string(stack);
}

}  // namespace

Result<TlsFunctions> find_tls_functions(const ElfFile& file) {
  std::array<std::string_view, known_functions.size()> names;
  std::transform(known_functions.begin(), known_functions.end(), names.begin(), [](const Known& k) { return k.name; });
  const auto symbols = file.find_functions(names);
  if (!symbols) return symbols.error();
  const bool has_send2 =
      std::any_of(symbols->begin(), symbols->end(), [](const auto& s) { return s.name == "gnutls_record_send2"; });
  TlsFunctions functions;
  for (const auto& symbol : *symbols) {
    if (has_send2 && symbol.name == "gnutls_record_send") continue;
    const auto known = std::find_if(known_functions.begin(), known_functions.end(),
                                    [&](const Known& k) { return k.name == symbol.name; });
    const auto offset = file.offset_of(symbol.address);
    if (known == known_functions.end() || !offset) continue;
    add_stack(functions, known->stack);
    functions.hooks.push_back({known->place, *offset, known->call, false});
    if (known->place != CAPTURE_CLOSE)
      functions.hooks.push_back(
          {known->place == CAPTURE_READ ? CAPTURE_READ_RETURN : CAPTURE_WRITE_RETURN, *offset, known->call, true});
  }
  auto go = find_go_hooks(file);
  if (!go) return go.error();
  if (!go->empty()) add_stack(functions, "go");
  functions.hooks.insert(functions.hooks.end(), go->begin(), go->end());
  return functions;
}

}  // namespace plumbline::agent
