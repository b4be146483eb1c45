#include "fetch/aws_profile.hpp"

#include <algorithm>
#include <string_view>

#include "fetch/secret.hpp"

namespace plumbline::fetch::aws {
namespace {

constexpr std::size_t max_file_bytes = std::size_t{1} << 20;

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  return begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

/// Settings of one section at a time. Lines below an empty setting ("s3 =") that are indented belong to it.
class ProfileReader {
 public:
  explicit ProfileReader(std::string_view wanted) : wanted_(wanted) {}

  /// False: the line is none of an INI file.
  bool read(std::string_view raw) {
    const std::string_view line = trimmed(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') return true;
    if (line[0] == '[') return read_section(line);
    if (nested_ && (raw[0] == ' ' || raw[0] == '\t')) return true;
    const std::size_t equals = line.find('=');
    if (!in_section_ || equals == 0 || equals == std::string_view::npos) return false;
    std::string_view value = line.substr(equals + 1);
    for (const char* comment : {" #", " ;", "\t#", "\t;"}) value = value.substr(0, value.find(comment));
    value = trimmed(value);
    nested_ = value.empty();
    if (inside_) keep(trimmed(line.substr(0, equals)), value);
    return true;
  }

  Profile profile;

 private:
  bool read_section(std::string_view line) {
    const std::size_t close = line.find(']');
    if (close == std::string_view::npos) return false;
    in_section_ = true;
    nested_ = false;
    inside_ = trimmed(line.substr(1, close - 1)) == wanted_;
    profile.found |= inside_;
    return true;
  }

  void keep(std::string_view name, std::string_view value) {
    std::string key(name);
    std::transform(key.begin(), key.end(), key.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (key == "aws_access_key_id") profile.keys.access_key_id = value;
    if (key == "aws_secret_access_key") profile.keys.secret_access_key = Secret(value);
    if (key == "aws_session_token") profile.keys.session_token = Secret(value);
    if (key == "region") profile.region = value;
    for (const char* way : {"credential_process", "role_arn", "sso_session", "sso_start_url"})
      if (key == way) profile.other_way = way;
  }

  const std::string_view wanted_;
  bool in_section_ = false;
  bool inside_ = false;  ///< of the wanted one
  bool nested_ = false;
};

Result<Profile> parse(const std::string& what, std::string_view text, const std::string& wanted) {
  ProfileReader reader(wanted);
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (!reader.read(text.substr(0, end)))
      return invalid(what,
                     "line " + std::to_string(number) + " is neither [profile], nor key = value in one, nor a comment",
                     "mend that line");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::move(reader.profile);
}

}  // namespace

Result<Profile> read_profile(const std::string& path, const std::string& profile) {
  const std::string what = "read the AWS credentials file " + path;
  const auto text = read_secret_file(what, path, max_file_bytes);
  if (!text) return text.error();
  return parse(what, text->view(), profile);
}

}  // namespace plumbline::fetch::aws
