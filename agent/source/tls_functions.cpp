#include "agent/source/tls_functions.hpp"

#include <algorithm>
#include <array>

#include "agent/source/go_functions.hpp"
#include "agent/source/inner_function.hpp"
#include "agent/source/openssl_functions.hpp"
#include "agent/source/probe_places.hpp"

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
    Known{"SSL_clear", "openssl", CAPTURE_CLOSE, CAPTURE_C},  // for another connection; handshakes begin with it
    Known{"gnutls_deinit", "gnutls", CAPTURE_CLOSE, CAPTURE_C},
    Known{"s2n_connection_free", "s2n", CAPTURE_CLOSE, CAPTURE_C},
    Known{"s2n_connection_wipe", "s2n", CAPTURE_CLOSE, CAPTURE_C},
};

/// Smaller programs have no OpenSSL in them: its libcrypto alone has 3 MB, and to read all of all files takes long.
constexpr std::uint64_t smallest_with_openssl = 1 << 20;
constexpr std::size_t max_shared = 64;  // symbols of a file in which what they share is looked for

const Known* known_by(std::string_view name) {
  const auto known =
      std::find_if(known_functions.begin(), known_functions.end(), [&](const Known& k) { return k.name == name; });
  return known == known_functions.end() ? nullptr : &*known;
}

void add_stack(TlsFunctions& functions, std::string_view stack) {
  if (functions.stack.find(stack) != std::string::npos) return;
  functions.stack += (functions.stack.empty() ? "" : "+") + std::string(stack);
}

/// What OpenSSL's functions of one direction all call, found by the one that only hands on. Who uses BIO_f_ssl(3) calls
/// it, too.
struct Inner {
  capture_place place;
  capture_call call;
  std::uint64_t function;  ///< address
};

std::vector<Inner> inner_functions(const ElfFile& file, const std::vector<ElfFile::Symbol>& symbols) {
  std::vector<Inner> found;
  for (const auto& symbol : symbols) {
    const Known* known = known_by(symbol.name);
    if (known == nullptr || (known->call != CAPTURE_C_EX && known->call != CAPTURE_C_EX2)) continue;
    const auto function = inner_function(file, symbol.address);
    if (function && std::none_of(found.begin(), found.end(), [&](const Inner& i) { return i.function == *function; }))
      found.push_back({known->place, known->call, *function});
  }
  return found;
}

/// Those that need no hook of their own, as they call an inner function, or one that does.
std::vector<const ElfFile::Symbol*> outer_functions(const ElfFile& file, const std::vector<ElfFile::Symbol>& symbols,
                                                    const std::vector<Inner>& inner) {
  struct Candidate {
    const ElfFile::Symbol* symbol;
    capture_place place;
    std::vector<std::uint64_t> calls;
  };
  std::vector<Candidate> candidates;  // each is read once: its body is a stranger's, and takes up to 0.4 ms
  for (const auto& symbol : symbols)
    if (const Known* known = known_by(symbol.name); known != nullptr && !inner.empty())
      candidates.push_back({&symbol, known->place, called_by(file, symbol.address, symbol.size)});
  std::vector<const ElfFile::Symbol*> found;
  std::vector<std::pair<capture_place, std::uint64_t>> told;
  for (const auto& each : inner) told.emplace_back(each.place, each.function);
  for (std::size_t at = 0; at < told.size(); ++at)
    for (auto& [symbol, place, calls] : candidates) {
      if (place != told[at].first || std::find(calls.begin(), calls.end(), told[at].second) == calls.end()) continue;
      calls.clear();
      found.push_back(symbol);
      told.emplace_back(place, symbol->address);
    }
  return found;
}

void add_hooks(TlsFunctions& functions, const ElfFile& file, const Known& function, const ProbePlaces& places) {
  const auto entry = file.offset_of(places.entry);
  if (!entry) return;
  if (function.place != CAPTURE_OPEN_RETURN) functions.hooks.push_back({function.place, *entry, function.call, false});
  if (function.place == CAPTURE_CLOSE) return;
  const auto at_return = function.place == CAPTURE_READ    ? CAPTURE_READ_RETURN
                         : function.place == CAPTURE_WRITE ? CAPTURE_WRITE_RETURN
                                                           : function.place;
  if (places.returns.empty()) functions.hooks.push_back({at_return, *entry, function.call, true});
  for (const std::uint64_t each : places.returns)
    if (const auto offset = file.offset_of(each)) functions.hooks.push_back({at_return, *offset, function.call, false});
}

/// Of a program without symbols. SSL_free() does not say who it is, so it is where another connection begins that its
/// address is known to be a new one's.
Result<void> add_openssl(TlsFunctions& functions, const ElfFile& file) {
  const auto found = find_openssl_without_symbols(file);
  if (!found) return found.error();
  if (!found->has_value()) return {};
  const OpensslFunctions& openssl = **found;
  const std::array<std::pair<const ElfFile::Symbol*, Known>, 3> wanted{{
      {&openssl.write, {"", "", CAPTURE_WRITE, openssl.write_call}},
      {&openssl.read, {"", "", CAPTURE_READ, CAPTURE_C_EX}},
      {&openssl.make, {"", "", CAPTURE_OPEN_RETURN, CAPTURE_C}},
  }};
  for (const auto& [symbol, known] : wanted) {
    const auto places = probe_places(file, *symbol, true);
    if (!places || !file.offset_of(symbol->address))
      return Error{ErrorCode::unsupported, "hook " + symbol->name, "the kernel takes no probe at its beginning", ""};
    add_hooks(functions, file, known, *places);
  }
  add_stack(functions, "openssl");
  return {};
}

Result<TlsFunctions> look(const ElfFile& file) {
  std::array<std::string_view, known_functions.size()> names;
  std::transform(known_functions.begin(), known_functions.end(), names.begin(), [](const Known& k) { return k.name; });
  const auto symbols = file.find_functions(names);
  if (!symbols) return symbols.error();
  const bool has_send2 =
      std::any_of(symbols->begin(), symbols->end(), [](const auto& s) { return s.name == "gnutls_record_send2"; });
  TlsFunctions functions;
  // No library has more of them: who does has the search take long.
  const auto inner = symbols->size() > max_shared ? std::vector<Inner>() : inner_functions(file, *symbols);
  const auto outer = outer_functions(file, *symbols, inner);
  for (const auto& each : inner)
    if (const auto start = cheap_start(file, each.function))
      add_hooks(functions, file, {"", "", each.place, each.call}, {*start, {}});
  for (const auto& symbol : *symbols) {
    if (has_send2 && symbol.name == "gnutls_record_send") continue;
    const Known* known = known_by(symbol.name);
    if (known == nullptr || !file.offset_of(symbol.address)) continue;
    add_stack(functions, known->stack);
    if (std::find(outer.begin(), outer.end(), &symbol) != outer.end()) continue;
    if (const auto places = probe_places(file, symbol, known->place != CAPTURE_CLOSE))
      add_hooks(functions, file, *known, *places);
    else if (known->place != CAPTURE_CLOSE)
      return Error{ErrorCode::unsupported, "hook " + symbol.name, "the kernel takes no probe at its beginning", ""};
  }
  if (file.size() >= smallest_with_openssl && functions.stack.find("openssl") == std::string::npos)
    if (auto added = add_openssl(functions, file); !added) return added.error();
  auto go = find_go_hooks(file);
  if (!go) return go.error();
  if (!go->empty()) add_stack(functions, "go");
  functions.hooks.insert(functions.hooks.end(), go->begin(), go->end());
  return functions;
}

}  // namespace

Result<TlsFunctions> find_tls_functions(const ElfFile& file) {
  auto found = look(file);
  if (auto ended = file.why_ended()) return *std::move(ended);
  return found;
}

}  // namespace plumbline::agent
