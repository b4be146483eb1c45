#include "agent/detect/compare.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <cstdio>

namespace plumbline::agent {
namespace {

constexpr std::string_view plain_prefix = "sha256:";

std::string octal(std::uint32_t mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", mode & 07777);
  return text;
}

std::string name_or_number(std::string name, std::uint32_t id) {
  return name.empty() ? std::to_string(id) : std::move(name);
}

std::string_view word(LiveFile::Kind kind) {
  switch (kind) {
    case LiveFile::Kind::missing:
      return "absent";
    case LiveFile::Kind::regular:
      return "file";
    case LiveFile::Kind::directory:
      return "directory";
    case LiveFile::Kind::symlink:
      return "symlink";
    case LiveFile::Kind::other:
      return "special file";
    case LiveFile::Kind::unreadable:
      return "unreadable";
  }
  return "unknown";
}

/// The digest as the baseline writes it, without the prefix where the source itself shows it openly.
std::string content_text(const baseline::Sha256& digest, bool keyed, const baseline::KeyedHash& key) {
  return keyed ? key.of_digest(digest) : baseline::to_hex(digest);
}

std::string content_text(const std::string& expected) {
  return expected.starts_with(plain_prefix) ? expected.substr(plain_prefix.size()) : expected;
}

constexpr std::size_t max_entries = 20;  ///< told of one directory in a diff; the rest is a count
constexpr std::size_t max_shown = 1024;  ///< bytes of one value in a diff

/// A finding is a record of bounded size: names and targets are as long as somebody makes them.
std::string bounded(const std::string& text) {
  if (text.size() <= max_shown) return text;
  return text.substr(0, max_shown) + "… (" + std::to_string(text.size()) + " bytes)";
}

bool declares_content(const baseline::FileExpectation& expected) {
  return expected.content || expected.symlink_target || !expected.absent_entries.empty();
}

LiveFile::Kind expected_kind(const baseline::FileExpectation& expected) {
  if (expected.symlink_target) return LiveFile::Kind::symlink;
  if (!expected.absent_entries.empty()) return LiveFile::Kind::directory;
  return LiveFile::Kind::regular;
}

}  // namespace

ReadRequest needs(const baseline::FileExpectation& expected, std::uint64_t max_file_bytes) {
  return {expected.content.has_value(), !expected.absent_entries.empty(), max_file_bytes, {}};
}

Comparison compare(const baseline::FileExpectation& expected, const LiveFile& live, const baseline::KeyedHash& key,
                   Users& users) {
  Comparison result;
  const auto differ = [&](std::string attribute, const std::string& want, const std::string& have,
                          bool sensitive = false) {
    result.diff.push_back({std::move(attribute), bounded(want), bounded(have), sensitive});
  };
  const auto finish = [&](std::string why_not = {}) {
    using enum wire::ComparisonResult;
    result.result = !result.diff.empty() ? mismatch : why_not.empty() ? match : not_comparable;
    result.why_not = std::move(why_not);
    return result;
  };

  if (live.kind == LiveFile::Kind::unreadable) return finish(live.trouble);
  const bool exists = live.kind != LiveFile::Kind::missing;
  if (expected.absent) {
    if (exists) differ("existence", "absent", "present");
    return finish();
  }
  if (!exists) {
    differ("existence", "present", "absent");
    return finish();
  }
  std::string why_not;
  if (declares_content(expected) && live.kind != expected_kind(expected)) {
    differ("type", std::string(word(expected_kind(expected))), std::string(word(live.kind)));
  } else if (expected.content) {
    const bool keyed = !expected.content->starts_with(plain_prefix);
    const std::string want = content_text(*expected.content);
    const std::string have = live.digest ? content_text(*live.digest, keyed, key) : "";
    if (!live.digest) {
      why_not = live.trouble;
    } else if (want != have) {
      differ("content_sha256", want, have, keyed || expected.sensitive);
    }
  } else if (expected.symlink_target) {
    if (*expected.symlink_target != live.target) differ("symlink_target", *expected.symlink_target, live.target);
  } else {
    for (const auto& glob : expected.absent_entries) {
      std::size_t found = 0;
      for (const auto& entry : live.entries)
        if (::fnmatch(glob.c_str(), entry.c_str(), 0) == 0 && ++found <= max_entries) differ("absent", glob, entry);
      if (found > max_entries) differ("absent", glob, "and " + std::to_string(found - max_entries) + " more");
    }
    why_not = live.trouble;
  }
  // A symlink's own mode says nothing (symlink(7)).
  if (expected.mode && live.kind != LiveFile::Kind::symlink && *expected.mode != live.mode)
    differ("mode", octal(*expected.mode), octal(live.mode));
  // A container's users are its own: the node's names for their numbers are others'.
  const bool named = !expected.containers;
  if (expected.owner) {
    const auto want = users.uid_of(*expected.owner);
    if (!want)
      result.unknown_names = "the node has no user `" + *expected.owner + "`";
    else if (*want != live.uid)
      differ("owner", *expected.owner, name_or_number(named ? users.user(live.uid) : "", live.uid));
  }
  if (expected.group) {
    const auto want = users.gid_of(*expected.group);
    if (!want)
      result.unknown_names +=
          (result.unknown_names.empty() ? "the node has no group `" : " and no group `") + *expected.group + "`";
    else if (*want != live.gid)
      differ("group", *expected.group, name_or_number(named ? users.group(live.gid) : "", live.gid));
  }
  return finish(why_not);
}

bool still_expects(const baseline::FileExpectation& now, const std::vector<wire::AttributeDiff>& diff) {
  const auto declared = describe(now);
  return std::all_of(diff.begin(), diff.end(), [&](const wire::AttributeDiff& d) {
    if (d.attribute == "type") return declares_content(now) && d.expected == word(expected_kind(now));
    if (d.attribute == "absent") return std::ranges::count(now.absent_entries, d.expected, bounded) > 0;
    const auto it = declared.find(d.attribute);
    return it != declared.end() && it->second == d.expected;
  });
}

std::map<std::string, std::string> describe(const baseline::FileExpectation& expected) {
  std::map<std::string, std::string> text;
  text["existence"] = expected.absent ? "absent" : "present";
  if (expected.content) text["content_sha256"] = content_text(*expected.content);
  if (expected.mode) text["mode"] = octal(*expected.mode);
  if (expected.owner) text["owner"] = bounded(*expected.owner);
  if (expected.group) text["group"] = bounded(*expected.group);
  if (expected.symlink_target) text["symlink_target"] = bounded(*expected.symlink_target);
  for (const auto& glob : expected.absent_entries) text["absent"] += (text["absent"].empty() ? "" : " ") + glob;
  return text;
}

std::map<std::string, std::string> describe(const LiveFile& live, bool sensitive, const baseline::KeyedHash& key,
                                            Users& users, bool named) {
  std::map<std::string, std::string> text;
  text["existence"] = live.kind == LiveFile::Kind::missing ? "absent" : "present";
  if (live.kind == LiveFile::Kind::missing || live.kind == LiveFile::Kind::unreadable) return text;
  text["type"] = word(live.kind);
  text["mode"] = octal(live.mode);
  text["owner"] = name_or_number(named ? users.user(live.uid) : "", live.uid);
  text["group"] = name_or_number(named ? users.group(live.gid) : "", live.gid);
  if (live.digest) text["content_sha256"] = content_text(*live.digest, sensitive, key);
  if (live.kind == LiveFile::Kind::symlink) text["symlink_target"] = live.target;
  return text;
}

}  // namespace plumbline::agent
