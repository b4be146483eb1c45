#include "agent/enrich/redact.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/enrich/redact_words.hpp"
#include "include/util/lower.hpp"

namespace plumbline::agent {
namespace {

using namespace redact;

template <std::size_t N>
bool among(const std::array<std::string_view, N>& all, std::string_view word) {
  return std::find(all.begin(), all.end(), word) != all.end();
}

bool is_space(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

bool is_quote(char c) {
  return c == '"' || c == '\'';
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

const ShortOption* short_option_of(std::string_view program) {
  const auto* const it = std::find_if(short_options.begin(), short_options.end(),
                                      [&](const ShortOption& option) { return option.program == program; });
  return it == short_options.end() ? nullptr : &*it;
}

/// The words of a name: "client-key-data" has three, "storepass" one. Digits at the end of one say nothing ("pwd1").
std::vector<std::string_view> words_of(std::string_view name) {
  std::vector<std::string_view> all;
  while (!name.empty()) {
    const auto end = name.find_first_of("_-.");
    std::string_view word = name.substr(0, end);
    while (!word.empty() && std::isdigit(static_cast<unsigned char>(word.back())) != 0) word.remove_suffix(1);
    if (!word.empty()) all.push_back(word);
    name.remove_prefix(end == std::string_view::npos ? name.size() : end + 1);
  }
  return all;
}

bool sounds_secret(std::string_view name) {
  const std::string text = lower(name);
  if (std::any_of(words.begin(), words.end(), [&](auto word) { return text.find(word) != std::string::npos; }))
    return true;
  const auto parts = words_of(text);
  if (parts.empty()) return false;
  const std::string_view last = parts.back();
  return among(last_words, last) || std::any_of(parts.begin(), parts.end(), [](auto w) { return w == "key"; }) ||
         std::any_of(endings.begin(), endings.end(), [&](auto end) { return last.ends_with(end); });
}

std::string last_word(const std::string& name) {
  const auto parts = words_of(name);
  return parts.empty() ? "" : std::string(parts.back());
}

bool in_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
}

std::size_t skip_quotes(const std::string& text, std::size_t from) {
  while (from < text.size() && (is_quote(text[from]) || text[from] == ' ')) ++from;
  return from;
}

/// Whether the separator at `at` is followed by another name=value; elsewhere it is part of the value.
bool begins_next(std::string_view text, std::size_t at) {
  if (text[at] != '&' && text[at] != ';') return false;
  std::size_t end = at + 1;
  while (end < text.size() && in_name(text[end])) ++end;
  return end < text.size() && end > at + 1 && text[end] == '=';
}

/// "--password=two words": an argument that begins with a secret's name is that value to its end.
void hide_assignment(std::string& argument) {
  const std::size_t equals = argument.find('=');
  if (equals == std::string::npos || equals == 0 || argument.find(' ', equals) == std::string::npos) return;
  const std::string_view name = std::string_view(argument).substr(0, equals);
  if (std::all_of(name.begin(), name.end(), in_name) && sounds_secret(name))
    argument.replace(equals + 1, std::string::npos, hidden);
}

/// name=value and "name": "value", wherever in the text they stand.
void hide_values(std::string& text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '=' && text[at] != ':') continue;
    std::size_t end = at;
    while (end > 0 && (is_quote(text[end - 1]) || text[end - 1] == ' ')) --end;
    std::size_t begin = end;
    while (begin > 0 && in_name(text[begin - 1])) --begin;
    const std::string name = text.substr(begin, end - begin);
    if (begin == end || !sounds_secret(name)) continue;
    const std::size_t from = skip_quotes(text, at + 1);
    if (text[at] == ':' && from == at + 1 && last_word(lower(name)) == "auth") continue;  // an image and its tag
    const char quote = from > at + 1 ? text[from - 1] : ' ';
    std::size_t to = from;
    while (to < text.size() && (is_quote(quote) ? text[to] != quote || text[to - 1] == '\\'
                                                : !is_space(text[to]) && !begins_next(text, to)))
      ++to;
    if (to == from) continue;
    text.replace(from, to - from, hidden);
    at = from + hidden.size() - 1;
  }
}

/// "Authorization: …" to the end of the text.
void hide_headers(std::string& text) {
  const std::string low = lower(text);
  std::size_t first = text.size();
  for (const auto header : headers)
    for (std::size_t at = low.find(header); at != std::string::npos; at = low.find(header, at + 1)) {
      const std::size_t colon = skip_quotes(text, at + header.size());
      if (colon < text.size() && text[colon] == ':') first = std::min(first, skip_quotes(text, colon + 1));
    }
  if (first < text.size()) text.replace(first, text.size() - first, hidden);
}

/// "Bearer x", whatever the header or the variable is called.
void hide_bearer(std::string& text) {
  constexpr std::string_view scheme = "bearer ";
  for (std::size_t at = lower(text).find(scheme); at != std::string::npos; at = lower(text).find(scheme, at + 1)) {
    if (at > 0 && in_name(text[at - 1])) continue;
    const std::size_t from = text.find_first_not_of(' ', at + scheme.size());
    if (from == std::string::npos) return;
    std::size_t to = from;
    while (to < text.size() && !is_space(text[to]) && !is_quote(text[to])) ++to;
    text.replace(from, to - from, hidden);
  }
}

/// "AWS4-HMAC-SHA256 Credential=…, Signature=…" (SigV4), whatever carries it.
void hide_signature(std::string& text) {
  for (const std::string_view scheme : {"AWS4-HMAC-SHA256 ", "AWS4-ECDSA-P256-SHA256 "})
    if (const auto at = text.find(scheme); at != std::string::npos)
      text.replace(at + scheme.size(), text.size() - at - scheme.size(), hidden);
}

/// scheme://user:password@host, and scheme://token@host: what stands alone before the '@' may be either.
void hide_url_password(std::string& text) {
  for (std::size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at + 3)) {
    const std::size_t begin = at + 3;
    std::size_t end = std::min(text.find_first_of("/ \t\n\"'", begin), text.size());
    const std::size_t colon = text.find(':', begin);
    // A password may hold a slash; behind a colon that begins no port, the last '@' of the word ends it.
    if (colon < end && text.find_first_not_of("0123456789", colon + 1) != end)
      end = std::min(text.find_first_of(" \t\n\"'", begin), text.size());
    const std::size_t sign = text.substr(0, end).rfind('@');
    if (sign == std::string::npos || sign < begin) continue;
    const std::size_t from = colon < sign ? colon + 1 : begin;
    if (from < sign) text.replace(from, sign - from, hidden);
  }
}

/// user:password
void hide_behind_colon(std::string& text) {
  const auto colon = text.find(':');
  if (colon != std::string::npos && colon + 1 < text.size()) text.replace(colon + 1, std::string::npos, hidden);
}

/// What a Secret of Kubernetes holds, in a merge patch or a JSON patch ({"path":"/data/x","value":…}): from there to
/// the end, as how the text goes on is not looked at.
void hide_secret_objects(std::string& text) {
  std::size_t from = std::string::npos;
  if (const auto at = text.find("stringData"); at != std::string::npos) {
    const std::size_t colon = skip_quotes(text, at + 10);
    if (colon < text.size() && text[colon] == ':') from = colon + 1;
  }
  if (text.find("/data/") != std::string::npos || text.find("/stringData/") != std::string::npos)
    if (const auto at = text.find("value"); at != std::string::npos) {
      const std::size_t colon = skip_quotes(text, at + 5);
      if (colon < text.size() && text[colon] == ':') from = std::min(from, colon + 1);
    }
  if (from < text.size()) text.replace(from, text.size() - from, hidden);
}

void hide_in_text(std::string& text) {
  hide_secret_objects(text);
  hide_headers(text);
  hide_signature(text);
  hide_url_password(text);
  hide_bearer(text);
  hide_values(text);
}

bool is_option(std::string_view word) {
  return word.size() > 1 && word[0] == '-';
}

/// "--host" or "--host=db": hardly a password, which may well begin with one dash.
bool is_long_option(std::string_view word) {
  return word.size() > 2 && word.starts_with("--") && std::isalpha(static_cast<unsigned char>(word[2])) != 0;
}

/// "--password" or "-pass": the next argument is its value.
bool wants_secret(std::string_view word) {
  return is_option(word) && !word.starts_with("--no-") && word.find_first_of("= :") == std::string_view::npos &&
         sounds_secret(word);
}

/// curl's -u, alone or behind other short options (-su), and what means the same.
bool wants_user(std::string_view word) {
  if (word == "--user" || word == "--proxy-user" || word == "-U") return true;
  return is_option(word) && word[1] != '-' && word.back() == 'u' &&
         std::all_of(word.begin() + 1, word.end(), [](unsigned char c) { return std::isalpha(c) != 0; });
}

/// The words of one command line in order, each changed in place.
class Words {
 public:
  /// `nested`: the program may be any of the words, not only the first.
  explicit Words(bool nested) : nested_(nested) {}

  void take(std::string& word) {
    switch (std::exchange(next_, Next::plain)) {
      case Next::secret:
        if (is_long_option(word)) break;
        word = hidden;
        return;
      case Next::secret_or_option:
        if (is_option(word)) break;
        word = hidden;
        return;
      case Next::user:
        hide_behind_colon(word);
        return;
      case Next::plain:
        break;
    }
    if (first_ || nested_) choose_program(word);
    first_ = false;
    aws_ = aws_ || base_name(word) == "aws";  // a script of Python's: the interpreter is the first word
    if (!take_short_option(word) && (wants_secret(word) || (aws_ && among(aws_options, word)))) next_ = Next::secret;
    if (aws_) hide_aws_option(word);
    hide_assignment(word);
    hide_in_text(word);
  }

 private:
  enum class Next { plain, secret, secret_or_option, user };

  void choose_program(std::string_view word) {
    const std::string_view name = base_name(word);
    const ShortOption* option = short_option_of(name);
    const bool curl = name == "curl";
    if (first_ || curl || option != nullptr) {
      option_ = option;
      curl_ = curl;
      behind_ = option == nullptr || option->behind.empty();
    }
    nested_ = nested_ || (first_ && among(wrappers, name));
  }

  bool take_short_option(std::string& word) {
    if (curl_) return take_curl_option(word);
    if (option_ == nullptr) return false;
    if (!is_option(word)) {
      behind_ = behind_ || word == option_->behind;
      if (option_->runs_another && base_name(word) != option_->program) option_ = nullptr;
      return false;
    }
    if (!behind_ || word[1] != option_->letter) return false;
    if (word.size() > 2)
      word = std::string{'-', option_->letter}.append(hidden);
    else
      next_ = option_->may_ask ? Next::secret_or_option : Next::secret;
    return true;
  }

  bool take_curl_option(std::string& word) {
    if (wants_user(word)) {
      next_ = Next::user;
      return true;
    }
    if (!word.starts_with("-u") && !word.starts_with("--user=") && !word.starts_with("--proxy-user=")) return false;
    hide_behind_colon(word);
    return true;
  }

  /// "--value=x"
  static void hide_aws_option(std::string& word) {
    const auto equals = word.find('=');
    if (equals != std::string::npos && among(aws_options, std::string_view(word).substr(0, equals)))
      word.replace(equals + 1, std::string::npos, hidden);
  }

  bool nested_;
  bool first_ = true;
  bool curl_ = false;
  bool aws_ = false;
  const ShortOption* option_ = nullptr;
  bool behind_ = false;  ///< option_->behind has been seen
  Next next_ = Next::plain;
};

/// Where the shell word that begins at `from` ends.
std::size_t end_of_word(const std::string& text, std::size_t from) {
  char quote = '\0';
  for (; from < text.size(); ++from) {
    if (quote == '\0' && is_space(text[from])) break;
    if (is_quote(text[from]) && (quote == '\0' || quote == text[from])) quote = quote == '\0' ? text[from] : '\0';
  }
  return from;
}

/// What `sh -c` is given: a command line in one argument.
void hide_in_script(std::string& text) {
  Words script(true);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = end_of_word(text, at);
    std::string word = text.substr(at, end - at);
    if (!word.empty()) script.take(word);
    out += word;
    if (end < text.size()) out += text[end];
    at = end + 1;
  }
  text = std::move(out);
}

/// -c, -ec, -lc
bool takes_script(std::string_view word) {
  return is_option(word) && word[1] != '-' && word.back() == 'c';
}

}  // namespace

std::vector<std::string> redact_argv(std::vector<std::string> argv) {
  if (argv.empty()) return argv;
  const bool shell = among(shells, base_name(argv[0]));
  Words line(false);
  for (std::size_t i = 0; i < argv.size(); ++i) {
    if (shell && i > 0 && takes_script(argv[i - 1])) {
      hide_in_script(argv[i]);
      hide_in_text(argv[i]);
    } else {
      line.take(argv[i]);
    }
  }
  return argv;
}

}  // namespace plumbline::agent
