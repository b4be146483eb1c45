// Secrets that a command is given.
#include "baseline/value/arguments.hpp"

#include <algorithm>
#include <array>

#include "baseline/value/ascii.hpp"
#include "baseline/value/sensitive.hpp"

namespace plumbline::baseline {
namespace {

constexpr std::size_t longest_name = 64;

/// One letter that a program takes a password by. Of `attached` ones the value may stand, or must, in the same word.
struct Option {
  std::string_view program, letter;
  bool attached, apart;
};
constexpr std::array<Option, 10> options = {{{"mysql", "-p", true, false},
                                             {"mariadb", "-p", true, false},
                                             {"sshpass", "-p", true, true},
                                             {"redis-cli", "-a", false, true},
                                             {"mongo", "-p", false, true},
                                             {"ldap", "-w", true, true},
                                             {"sqlcmd", "-P", true, true},
                                             {"mosquitto_", "-P", false, true},
                                             {"amqp-", "-p", false, true},
                                             {"kinit", "-w", false, true}}};

std::string_view without_dashes(std::string_view word) {
  word.remove_prefix(std::min(word.find_first_not_of('-'), word.size()));
  return word;
}

/// "user:x", but not "1000:1000", a user and a group.
bool is_user_and_password(std::string_view word) {
  const auto colon = word.find(':');
  return colon != std::string_view::npos && colon + 1 < word.size() &&
         !std::all_of(word.begin() + static_cast<std::ptrdiff_t>(colon) + 1, word.end(), is_digit);
}

bool is_option(std::string_view word) {
  return word.size() > 1 && word.front() == '-';
}

/// mysqldump is a mysql.
bool is_of(std::string_view program, std::string_view family) {
  return program.starts_with(family);
}

bool is_given_apart(std::string_view program, std::string_view option, std::string_view word) {
  const bool other_option = word.starts_with("--") || (is_option(word) && word.size() == 2);
  if (other_option || word.empty()) return false;
  const auto name = without_dashes(option);
  if (name.size() <= longest_name && sounds_sensitive(name)) return true;
  if (option == "-u" || (is_of(program, "curl") && (option == "-U" || option == "--user" || option == "--proxy-user")))
    return is_user_and_password(word);
  return std::any_of(options.begin(), options.end(), [&](const Option& known) {
    return known.apart && option == known.letter && is_of(program, known.program);
  });
}

bool is_given_attached(std::string_view program, std::string_view word) {
  if (word.size() <= 2 || word[1] == '-') return false;
  if (word.starts_with("-u") && is_of(program, "curl")) return is_user_and_password(word.substr(2));
  return std::any_of(options.begin(), options.end(), [&](const Option& known) {
    return known.attached && word.starts_with(known.letter) && is_of(program, known.program);
  });
}

bool is_known(std::string_view program) {
  return is_of(program, "curl") || std::any_of(options.begin(), options.end(),
                                               [&](const Option& known) { return is_of(program, known.program); });
}

}  // namespace

bool is_secret_assignment(std::string_view argument) {
  const auto equals = argument.find('=');
  if (equals == std::string_view::npos) return false;
  const auto name = without_dashes(argument.substr(0, equals));
  return name.size() <= longest_name && sounds_sensitive(name);
}

bool has_secret_argument(simdjson::dom::array words) {
  std::string_view program, option;
  for (const auto item : words) {
    std::string_view word;
    if (item.get_string().get(word) != simdjson::SUCCESS) word = {};
    if (!option.empty() && is_given_apart(program, option, word)) return true;
    option = {};
    if (is_option(word)) {
      if (is_given_attached(program, word)) return true;
      option = word;
    } else if (const auto name = word.substr(word.rfind('/') + 1); is_known(name)) {
      program = name;
    }
  }
  return false;
}

}  // namespace plumbline::baseline
