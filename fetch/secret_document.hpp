// JSON with secrets in it: credentials files, and the answers of token services.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace plumbline::fetch {

/// A JSON object, all of it cleared when it goes, and what its parser held. Move-only.
class SecretDocument {
 public:
  /// nullopt where it is no JSON object; not why, since a parser's words may quote a secret.
  static std::optional<SecretDocument> parse(std::string_view text);
  SecretDocument(SecretDocument&&) noexcept;
  SecretDocument& operator=(SecretDocument&&) noexcept;
  ~SecretDocument();

  /// The text at the end of a path of names, "" where there is none. Valid as long as the document is.
  std::string_view text(std::initializer_list<const char*> path) const;
  /// The texts of the list at the end of a path of names; none where there is no such list.
  std::vector<std::string_view> texts(std::initializer_list<const char*> path) const;
  /// The whole number there, also where it is written as a text; nullopt where there is none.
  std::optional<std::int64_t> number(const char* name) const;

 private:
  struct Json;
  explicit SecretDocument(std::unique_ptr<Json> json);
  std::unique_ptr<Json> json_;
};

}  // namespace plumbline::fetch
