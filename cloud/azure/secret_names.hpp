// Words of Azure Resource Manager for secrets, all in small letters. Its specifications mark them (x-ms-secret), yet
// not all, and are too many to carry along: these are rules, and lists where a rule would not do.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "cloud/body/value.hpp"

#include "include/util/lower.hpp"

namespace plumbline::cloud::azure {

template <std::size_t N>
bool is_any_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Members that say of the `value` beside them that it is a secret: API Management, Automation, Event Grid.
inline constexpr std::array<std::string_view, 7> marks = {"secret",      "isSecret",    "isEncrypted", "encrypted",
                                                          "isSensitive", "isProtected", "secured"};

/// Of parameters in templates, workflows and pipelines.
inline bool is_secure_type(std::string_view type) {
  return type == "securestring" || type == "secureobject";
}

/// "value", "defaultvalue", "securevalue", "values"
inline bool is_value(std::string_view name) {
  return name.ends_with("value") || name.ends_with("values");
}

/// Types that are a secret: of vaults, of App Service (functions' and hosts' keys), of App Configuration, of VPN
/// connections.
inline bool holds_one_value(std::string_view type) {
  constexpr std::array<std::string_view, 9> types = {"secrets",     "keys",      "functionkeys",
                                                     "systemkeys",  "hostkeys",  "masterkeys",
                                                     "credentials", "sharedkey", "keyvalues"};
  return is_any_of(type, types);
}

/// Types whose value is one unless they say that it is not: API Management (of old called "properties"), Automation.
/// A PATCH of the value alone does not say.
inline bool may_hold_secret_value(std::string_view type) {
  constexpr std::array<std::string_view, 3> types = {"namedvalues", "properties", "variables"};
  return is_any_of(type, types);
}

/// Members of certificates that may have the private key in them, in PKCS #12.
inline bool is_certificate_data(std::string_view name) {
  return name == "data" || name == "value" || name == "base64value";
}

/// Whoever knows Automation's address may call it; a registry's has headers to be let in by.
inline bool is_hook(std::string_view name) {
  return name == "uri" || name == "serviceuri" || name == "customheaders";
}

/// App Service's config that is no map of settings; else all of it is values (appsettings, connectionstrings,
/// functionappsettings, azurestorageaccounts). In templates names are expressions: "[concat(…, '/web')]".
inline bool is_plain_config(std::string_view name) {
  const auto end = name.find_last_not_of("')] ");
  name = name.substr(0, end == std::string_view::npos ? 0 : end + 1);
  name = name.substr(name.find_last_of("/' ") + 1);
  constexpr std::array<std::string_view, 7> names = {"web",          "logs",           "slotconfignames", "backup",
                                                     "authsettings", "authsettingsv2", "pushsettings"};
  return is_any_of(name, names);
}

inline bool is_key_material(std::string_view name, const Value& value) {
  constexpr std::array<std::string_view, 6> known = {"pfxblob",    "base64value",         "fielddefinitionvalues",
                                                     "systemkeys", "encryptedcredential", "functionkeys"};
  if (is_any_of(name, known)) return true;
  // Whether something is on is no secret: secureBootEnabled.
  if (value.kind == Value::Kind::boolean || value.kind == Value::Kind::number) return false;
  // Recovery Services protect items, and name them.
  constexpr std::array<std::string_view, 3> protected_things = {"protecteditem", "protectedresource",
                                                                "protectedinstance"};
  const bool thing = std::any_of(protected_things.begin(), protected_things.end(),
                                 [&](std::string_view begin) { return name.starts_with(begin); });
  if (name.starts_with("secure") || (name.starts_with("protected") && !thing)) return true;
  // hostKey, workspaceKey, authorizationKey; not what names or orders rows, or is public.
  constexpr std::array<std::string_view, 10> public_keys = {"key",      "publickey", "sshpublickey", "partitionkey",
                                                            "rowkey",   "shardkey",  "sortkey",      "tagkey",
                                                            "cachekey", "groupkey"};
  return value.kind == Value::Kind::text && name.ends_with("key") && !is_any_of(name, public_keys);
}

}  // namespace plumbline::cloud::azure
