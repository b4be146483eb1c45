// What redact.cpp knows secrets on command lines by.
#pragma once

#include <array>
#include <string_view>

namespace plumbline::agent::redact {

// Anywhere in a name.
inline constexpr std::array<std::string_view, 12> words{"passw",   "passphrase", "secret",    "token",
                                                        "apikey",  "api_key",    "api-key",   "credential",
                                                        "private", "access_key", "accesskey", "access-key"};
// Only as the last word of a name: "--passive" and "SSH_AUTH_SOCK" hold no secret.
inline constexpr std::array<std::string_view, 18> last_words{"pass",   "pwd", "auth", "bearer", "cookie", "userpass",
                                                             "dbpass", "pw",  "cred", "creds",  "sig",    "psk",
                                                             "dsn",    "pin", "otp",  "totp",   "passin", "signature"};
// As the end of the last word: "storepass", "dbpwd". "compass" is no name of a secret, and is hidden all the same.
inline constexpr std::array<std::string_view, 3> endings{"pass", "pwd", "passcode"};
// A header's value has words of its own ("Bearer x", "a=1; b=2"): all of it goes.
inline constexpr std::array<std::string_view, 3> headers{"authorization", "x-api-key", "cookie"};
// Long options of AWS' command line whose value is one, though their name does not say so: ssm put-parameter, ec2
// run-instances, kms encrypt.
inline constexpr std::array<std::string_view, 4> aws_options{"--value", "--user-data", "--plaintext",
                                                             "--cli-input-json"};
inline constexpr std::string_view hidden = "***";

/// A program's short option that takes a secret. Elsewhere -p and -u mean other things.
struct ShortOption {
  std::string_view program;
  char letter;
  // NOLINTNEXTLINE(readability-redundant-string-init): the table leaves it out
  std::string_view behind = "";  ///< only behind this word ("docker login -p")
  bool may_ask = false;          ///< without a value the program asks for it: what follows may be another option
  bool runs_another = false;     ///< the first word that is no option begins another program's command line
};
inline constexpr std::array<ShortOption, 29> short_options{{{"mysql", 'p', "", true},
                                                            {"mysqldump", 'p', "", true},
                                                            {"mysqladmin", 'p', "", true},
                                                            {"mysqlimport", 'p', "", true},
                                                            {"mariadb", 'p', "", true},
                                                            {"mariadb-dump", 'p', "", true},
                                                            {"mongo", 'p', "", true},
                                                            {"mongosh", 'p', "", true},
                                                            {"mongodump", 'p', "", true},
                                                            {"mongorestore", 'p', "", true},
                                                            {"sshpass", 'p', "", false, true},
                                                            {"redis-cli", 'a'},
                                                            {"cqlsh", 'p'},
                                                            {"ldapsearch", 'w'},
                                                            {"ldapadd", 'w'},
                                                            {"ldapmodify", 'w'},
                                                            {"ldapdelete", 'w'},
                                                            {"ldappasswd", 'w'},
                                                            {"sqlcmd", 'P'},
                                                            {"bcp", 'P'},
                                                            {"mosquitto_pub", 'P'},
                                                            {"mosquitto_sub", 'P'},
                                                            {"unzip", 'P'},
                                                            {"zip", 'P'},
                                                            {"docker", 'p', "login"},
                                                            {"podman", 'p', "login"},
                                                            {"skopeo", 'p', "login"},
                                                            {"helm", 'p', "login"},
                                                            {"az", 'p', "login"}}};
// Programs that run the one named in their arguments.
inline constexpr std::array<std::string_view, 14> wrappers{"sudo",   "doas",    "env",    "nohup",  "nice",
                                                           "ionice", "timeout", "setsid", "strace", "docker",
                                                           "podman", "kubectl", "ssh",    "xargs"};
inline constexpr std::array<std::string_view, 6> shells{"sh", "bash", "dash", "ash", "zsh", "ksh"};

}  // namespace plumbline::agent::redact
