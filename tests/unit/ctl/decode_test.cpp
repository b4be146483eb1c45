// `plumb decode`, as a person and as a program use it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "ctl/app.hpp"
#include "ctl/decode.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* good =
    R"({"method":"POST","scheme":"https","host":"ec2.us-east-1.amazonaws.com","path":"/?x=y","headers":[["content-type","application/x-www-form-urlencoded"]],"body_b64":"QWN0aW9uPVN0b3BJbnN0YW5jZXMmVmVyc2lvbj0yMDE2LTExLTE1","response":{"status":200,"headers":[],"body_b64":""}})";

class PlumbDecode : public testing::Test {
 protected:
  int plumb(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), {"plumb", "decode"});
    return run(static_cast<int>(arguments.size()), arguments.data(), {out_, err_}, clock_, source_commands());
  }
  /// What is said of one line that cannot be read.
  std::string complaint(const std::string& line) {
    std::istringstream in(line + "\n");
    err_.str("");
    out_.str("");
    EXPECT_EQ(decode_lines({{}, {out_, err_}, clock_}, in, "f"), 1) << line;
    return err_.str();
  }

  TempDir dir_;
  std::ostringstream out_, err_;
  SystemClock clock_;
};

TEST_F(PlumbDecode, writes_a_line_for_each_request) {
  const std::string file = dir_.write("r", std::string(good) + "\n\n" + good + "\r\n" + good);
  EXPECT_EQ(plumb({file.c_str()}), 0) << err_.str();
  std::istringstream lines(out_.str());
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    EXPECT_EQ(nlohmann::json::parse(line)["operation"], "StopInstances");
  EXPECT_EQ(count, 3U);
}

TEST_F(PlumbDecode, goes_on_behind_a_bad_line_and_says_which) {
  const std::string file = dir_.write("r", std::string(good) + "\n{nonsense\n" + good + "\n");
  EXPECT_EQ(plumb({file.c_str()}), 1);
  EXPECT_THAT(err_.str(), HasSubstr(file + ":2: request: is no JSON"));
  EXPECT_THAT(out_.str(), HasSubstr("StopInstances"));
  const std::string all = out_.str();
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 2);
}

TEST_F(PlumbDecode, tells_the_first_of_many_bad_lines_and_counts_the_others) {
  std::string lines;
  for (int i = 0; i < 50; ++i) lines += "{nonsense\n";
  EXPECT_EQ(plumb({dir_.write("r", lines + good).c_str()}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("r:20: "));
  EXPECT_THAT(err_.str(), Not(HasSubstr("r:21: ")));
  EXPECT_THAT(err_.str(), HasSubstr("30 more lines were refused"));
  EXPECT_THAT(out_.str(), HasSubstr("StopInstances"));
}

TEST_F(PlumbDecode, says_once_that_requests_as_they_are_sent_are_not_what_it_reads) {
  const std::string secret = "Authorization: Bearer canary";
  for (const char* first : {"POST /?x=canary HTTP/1.1\r\n", "GET / HTTP/1.0\n", "PRI * HTTP/2.0\r\n"}) {
    err_.str("");
    EXPECT_EQ(plumb({dir_.write("r", "\n" + std::string(first) + secret + "\r\n\r\n").c_str()}), 64) << first;
    const std::string said = err_.str();
    EXPECT_THAT(said, HasSubstr("as they go over the wire; write each as one line of JSON"));
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
    EXPECT_THAT(said, Not(HasSubstr("canary")));
  }
}

TEST_F(PlumbDecode, says_that_there_is_nothing_to_read) {
  EXPECT_EQ(plumb({dir_.write("r", "\n \n").c_str()}), 0);
  EXPECT_THAT(err_.str(), HasSubstr("r holds no request"));
  EXPECT_EQ(out_.str(), "");
}

TEST_F(PlumbDecode, help_says_what_a_line_holds) {
  EXPECT_EQ(plumb({"--help"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("body_b64"));
  EXPECT_EQ(plumb({dir_.path().c_str()}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("it is a directory"));
}

TEST_F(PlumbDecode, has_a_table_for_people) {
  const std::string file = dir_.write("r", std::string(good) + "\n");
  EXPECT_EQ(plumb({file.c_str(), "-o", "table"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("ec2:StopInstances"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("{")));
}

TEST_F(PlumbDecode, says_what_is_wrong_and_where) {
  EXPECT_THAT(complaint("[]"), HasSubstr("the line must be an object"));
  EXPECT_THAT(complaint(R"({"method":"GET","host":1e400,"path":"/"})"), HasSubstr("a number that is too large"));
  EXPECT_THAT(complaint(R"({"method":"GET","path":"/"})"), HasSubstr("/host is missing"));
  EXPECT_THAT(complaint(R"({"host":"h","path":"/"})"), HasSubstr("/method is missing"));
  EXPECT_THAT(complaint(R"({"method":1,"host":"h","path":"/"})"), HasSubstr("/method must be a string"));
  EXPECT_THAT(complaint(R"({"method":"GET","host":"h","path":"/","headrs":[]})"), HasSubstr("did you mean headers?"));
  EXPECT_THAT(complaint(R"({"method":"GET","host":"h","path":"/","headers":[["a","b"],["c"]]})"),
              HasSubstr("/headers/1 must be"));
  EXPECT_THAT(complaint(R"({"method":"GET","host":"h","path":"/","body_b64":"?"})"),
              HasSubstr("/body_b64 is no base64"));
  EXPECT_THAT(complaint(R"({"method":"GET","host":"h","path":"/","response":{}})"),
              HasSubstr("/response/status is missing"));
  EXPECT_THAT(complaint(R"({"method":"GET","host":"h","path":"/","response":{"status":7}})"), HasSubstr("100 to 999"));
}

TEST_F(PlumbDecode, a_file_that_is_not_there_is_an_error) {
  EXPECT_EQ(plumb({"/nonexistent/requests"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("/nonexistent/requests"));
}

}  // namespace
}  // namespace plumbline::ctl
