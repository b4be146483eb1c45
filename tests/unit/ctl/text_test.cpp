#include "ctl/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ctl/api.hpp"
#include "ctl/preflight.hpp"
#include "ctl/revert.hpp"
#include "ctl/table.hpp"

namespace plumbline::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(CtlText, printable_leaves_text_and_escapes_the_rest) {
  EXPECT_EQ(printable("plain ünï 漢字 🙂"), "plain ünï 漢字 🙂");
  EXPECT_EQ(printable("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(printable("\x1b[31m\x7f"), "\\x1B[31m\\x7F");
  EXPECT_EQ(printable("\xc2\x9b"
                      "0m"),
            "\\u{009B}0m");  // C1: a one-byte CSI
  EXPECT_EQ(printable("\xe2\x80\xae\xe2\x80\x8b"), "\\u{202E}\\u{200B}");
  EXPECT_EQ(printable("\xff\xc3"), "\\xFF\\xC3");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
}

TEST(CtlText, columns_and_cut_count_what_a_terminal_shows) {
  EXPECT_EQ(columns("abc"), 3u);
  EXPECT_EQ(columns("漢字"), 4u);
  EXPECT_EQ(columns("e\xcc\x81"), 1u);
  EXPECT_EQ(cut("abcdef", 4), "abc…");
  EXPECT_EQ(cut("abcd", 4), "abcd");
  EXPECT_EQ(cut("漢字漢", 4), "漢…");
  EXPECT_EQ(cut("anything", 0), "anything");
  EXPECT_EQ(cut_middle("/etc/nginx/nginx.conf", 11), "/etc/….conf");
  EXPECT_EQ(cut_middle("漢字漢字漢", 6), "漢…漢");
  EXPECT_EQ(cut_middle("abcd", 4), "abcd");
  EXPECT_EQ(cut_middle("abcd", 1), "…");
}

TEST(CtlText, ages) {
  constexpr WallNs second = 1'000'000'000;
  const WallNs now = 1'000'000 * second;
  EXPECT_EQ(age(now, now), "now");
  EXPECT_EQ(age(now, now + second), "now");
  EXPECT_EQ(age(now, now - 59 * second), "59 s ago");
  EXPECT_EQ(age(now, now - 60 * second), "1 m ago");
  EXPECT_EQ(age(now, now - 3600 * second), "1 h ago");
  EXPECT_EQ(age(now, now - 49 * 3600 * second), "2 d ago");
  EXPECT_EQ(age(now, 0), "-");
}

/// What bash makes of the quoted word: the judge of the quoting is a shell, not this test.
std::string through_bash(const std::string& quoted) {
  const std::string script = std::filesystem::temp_directory_path() / ("quote-" + std::to_string(::getpid()));
  std::ofstream(script) << "printf %s " << quoted;
  FILE* pipe = ::popen(("LC_ALL=C bash " + script).c_str(), "r");
  std::string out;
  std::array<char, 4096> buffer;
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) out.append(buffer.data(), n);
  ::pclose(pipe);
  std::filesystem::remove(script);
  return out;
}

TEST(CtlText, shell_quoting_gives_bash_the_same_bytes) {
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  for (const std::string& text :
       {std::string("/etc/a b"), std::string("it's"), std::string("$(reboot)`x`\"\\"), std::string("\n9"),
        std::string("\xff"
                    "9f"),
        std::string("ünï"), std::string("*?[a]"), all})
    EXPECT_EQ(through_bash(shell_quote(text)), text) << text;
  EXPECT_EQ(shell_quote("/etc/nginx/nginx.conf"), "/etc/nginx/nginx.conf");
  EXPECT_EQ(shell_quote(""), "''");
}

TEST(CtlText, what_differs_names_each_attribute_once) {
  wire::Drift drift;
  EXPECT_EQ(what(drift), "-");
  for (const char* attribute : {"ingress", "tags.env", "ingress", "ingress"}) drift.diff.push_back({attribute, "", ""});
  EXPECT_EQ(what(drift), "ingress ×3, tags.env");
}

TEST(CtlTable, shrinks_then_drops_and_never_leaves_spaces_at_the_end) {
  const std::vector<Column> wanted = {{"A"}, {"LONG", 4}, {"EXTRA", 0, 1}};
  const std::vector<std::vector<Cell>> rows = {{{"1"}, {"abcdefgh"}, {"extra"}}, {{"2"}, {"x"}, {""}}};
  const auto table = [&](std::size_t width) {
    std::ostringstream out, err;
    print_table({out, err, width, false}, wanted, rows);
    return out.str();
  };
  EXPECT_EQ(table(0), "A  LONG      EXTRA\n1  abcdefgh  extra\n2  x\n");
  EXPECT_EQ(table(16), "A  LONG    EXTRA\n1  abcde…  extra\n2  x\n");
  EXPECT_EQ(table(10), "A  LONG\n1  abcdef…\n2  x\n");
  EXPECT_EQ(table(3), "A  LONG\n1  abc…\n2  x\n");  // narrower than it can be: as narrow as it gets
}

TEST(CtlRevert, each_difference_has_its_command) {
  wire::Drift drift;
  drift.resource = "tofu:prod/module.web.local_file.x[\"a b\"]";
  drift.where.path = "/etc/a b";
  const auto with = [&](std::vector<wire::AttributeDiff> diff) {
    drift.diff = std::move(diff);
    return how_to_put_back(drift);
  };
  EXPECT_THAT(with({{"mode", "0644", "0666", false}}), ElementsAre("chmod 0644 -- '/etc/a b'"));
  EXPECT_THAT(with({{"owner", "root", "1000", false}, {"group", "www", "1000", false}}),
              ElementsAre("chown -h root -- '/etc/a b'", "chgrp -h www -- '/etc/a b'"));
  EXPECT_THAT(with({{"symlink_target", "b", "c", false}}), ElementsAre("ln -sfnT -- b '/etc/a b'"));
  EXPECT_THAT(with({{"existence", "absent", "present", false}}), ElementsAre("rm -- '/etc/a b'"));
  EXPECT_THAT(with({{"absent", "*.bak", "x.bak", false}}), ElementsAre("rm -- '/etc/a b/x.bak'"));
  EXPECT_THAT(with({{"content_sha256", "aa", "bb", false}})[0],
              HasSubstr("tofu apply -target='module.web.local_file.x[\"a b\"]'"));
  drift.resource = "file:/etc/a b";
  EXPECT_THAT(with({{"content_sha256", "aa", "bb", false}})[1], HasSubstr("echo 'aa  /etc/a b' | sha256sum --check"));
  EXPECT_EQ(with({{"content_sha256", "hmac-sha256:aa", "hmac-sha256:bb", true}}).size(), 1u);
  auto& container = drift.where.container.emplace();
  container.id = "c0ffee";
  container.runtime = "podman";
  EXPECT_THAT(with({{"mode", "0644", "0666", false}}), ElementsAre("podman exec c0ffee chmod 0644 -- '/etc/a b'"));
  container.pod = "web-1";
  container.pod_namespace = "prod";
  container.name = "nginx";
  EXPECT_THAT(with({{"content_sha256", "aa", "bb", false}}),
              ElementsAre(HasSubstr("what stands behind it"),
                          "kubectl exec -n prod web-1 -c nginx -- sha256sum -- '/etc/a b'    # aa", HasSubstr("anew")));
}

class Preflight : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/plumb-preflight-XXXXXX";
    root_ = ::mkdtemp(pattern);
    write("/proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n");
    write("/proc/sys/kernel/osrelease", "6.18.1\n");
    write("/proc/self/mounts",
          "tracefs /sys/kernel/tracing tracefs rw 0 0\nbpf /sys/fs/bpf bpf rw,mode=700 0 0\n"
          "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
    write("/sys/kernel/btf/vmlinux", "x");
    write("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
    write("/sys/kernel/security/lsm", "lockdown,bpf");
    write("/sys/kernel/tracing/events/timestamp/ctime_ns_xchg/id", "1");
    std::filesystem::create_directories(root_ + "/proc/self/ns");
    std::filesystem::create_symlink("pid:[4026531836]", root_ + "/proc/self/ns/pid");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  Check check(const std::string& name) {
    for (const auto& c : preflight(root_))
      if (c.name == name) return c;
    return {};
  }
  std::string root_;
};

TEST_F(Preflight, a_machine_that_has_everything) {
  for (const auto& c : preflight(root_)) EXPECT_EQ(c.finding, Finding::ok) << c.name << c.fact;
}

TEST_F(Preflight, each_fault_has_its_line_with_effect_and_remedy) {
  write("/proc/self/status", "CapEff:\t0000000000000000\nSeccomp:\t2\n");
  write("/proc/sys/kernel/osrelease", "5.15.0\n");
  write("/proc/self/mounts", "bpf /sys/fs/bpf bpf ro 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n");
  write("/sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
  write("/sys/kernel/security/lsm", "lockdown,apparmor");
  std::filesystem::remove(root_ + "/sys/kernel/btf/vmlinux");
  std::filesystem::remove(root_ + "/proc/self/ns/pid");
  std::filesystem::create_symlink("pid:[4026532000]", root_ + "/proc/self/ns/pid");
  for (const auto& c : preflight(root_)) {
    EXPECT_NE(c.finding, Finding::ok) << c.name;
    EXPECT_NE(c.effect, "") << c.name;
    EXPECT_NE(c.remedy, "") << c.name;
  }
  EXPECT_THAT(check("privileges").fact, HasSubstr("CAP_BPF, CAP_PERFMON"));
  EXPECT_EQ(check("lockdown").fact, "confidentiality");
  EXPECT_THAT(check("bpffs").remedy, HasSubstr("remount,rw"));
}

TEST_F(Preflight, takes_sys_admin_for_bpf_and_perfmon_as_the_kernel_does) {
  write("/proc/self/status", "CapEff:\t0000000000280004\nSeccomp:\t0\n");
  EXPECT_EQ(check("privileges").finding, Finding::ok) << check("privileges").fact;
  write("/proc/self/status", "CapEff:\t0000000000200000\nSeccomp:\t0\n");
  EXPECT_THAT(check("privileges").fact, HasSubstr("lacks CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE"));
}

TEST_F(Preflight, an_older_kernel_has_the_fentry_tier) {
  write("/proc/sys/kernel/osrelease", "6.1.0-28-amd64\n");
  EXPECT_EQ(check("kernel").finding, Finding::ok);
  EXPECT_THAT(check("kernel").fact, HasSubstr("fentry"));
}

}  // namespace
}  // namespace plumbline::ctl
