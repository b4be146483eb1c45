#include "agent/enrich/redact.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plumbline::agent {
namespace {

using ::testing::ElementsAre;
using Argv = std::vector<std::string>;

TEST(RedactArgv, hides_values_of_names_that_sound_secret) {
  EXPECT_THAT(redact_argv({"db", "--password=hunter2", "--token", "abc", "-v"}),
              ElementsAre("db", "--password=***", "--token", "***", "-v"));
  EXPECT_THAT(redact_argv({"sh", "-c", "PGPASSWORD=hunter2 psql -h db"}),
              ElementsAre("sh", "-c", "PGPASSWORD=*** psql -h db"));
  EXPECT_THAT(redact_argv({"x", R"({"api_key": "hunter2", "port": 1})"}),
              ElementsAre("x", R"({"api_key": "***", "port": 1})"));
  EXPECT_THAT(redact_argv({"curl", "https://me:hunter2@host/path"}), ElementsAre("curl", "https://me:***@host/path"));
}

TEST(RedactArgv, hides_what_people_pass_on_command_lines) {
  const std::pair<Argv, Argv> table[] = {
      // headers: all that follows in the argument
      {{"curl", "-H", "Authorization: Bearer hunter2", "https://h"}, {"curl", "-H", "Authorization: ***", "https://h"}},
      {{"x", "AWS4-HMAC-SHA256 Credential=AKIA/20261127/eu-west-1/ec2/aws4_request, Signature=hunter2"},
       {"x", "AWS4-HMAC-SHA256 ***"}},
      {{"curl", "-HAuthorization:Basic a b c"}, {"curl", "-HAuthorization:***"}},
      {{"wget", "--header=proxy-authorization: Digest u=\"a\", r=\"b\""},
       {"wget", "--header=proxy-authorization: ***"}},
      {{"curl", "-H", "X-Api-Key: hunter2 x"}, {"curl", "-H", "X-Api-Key: ***"}},
      {{"curl", "-H", "Cookie: a=1; session=hunter2"}, {"curl", "-H", "Cookie: ***"}},
      {{"x", R"({"Authorization": "Bearer hunter2"})"}, {"x", R"({"Authorization": "***)"}},
      {{"curl", "-H", "X-Session: Bearer hunter2"}, {"curl", "-H", "X-Session: Bearer ***"}},
      {{"curl", "--cookie", "a=hunter2"}, {"curl", "--cookie", "***"}},
      {{"curl", "https://b.s3.amazonaws.com/x?X-Amz-Credential=AKIA&X-Amz-Signature=hunter2&x=1"},
       {"curl", "https://b.s3.amazonaws.com/x?X-Amz-Credential=***&X-Amz-Signature=***&x=1"}},
      // AWS' command line, whichever way it runs
      {{"aws", "ssm", "put-parameter", "--name", "/db", "--value", "hunter2", "--type", "SecureString"},
       {"aws", "ssm", "put-parameter", "--name", "/db", "--value", "***", "--type", "SecureString"}},
      {{"/usr/bin/python3", "/usr/bin/aws", "ec2", "run-instances", "--user-data", "hunter2"},
       {"/usr/bin/python3", "/usr/bin/aws", "ec2", "run-instances", "--user-data", "***"}},
      {{"aws", "kms", "encrypt", "--plaintext=hunter2"}, {"aws", "kms", "encrypt", "--plaintext=***"}},
      {{"x", "--value", "5"}, {"x", "--value", "5"}},
      // what a Secret of Kubernetes holds
      {{"kubectl", "patch", "secret", "db", "-p", R"({"stringData":{"dsn-of-db":"hunter2"}})"},
       {"kubectl", "patch", "secret", "db", "-p", R"({"stringData":***)"}},
      {{"kubectl", "patch", "secret", "db", "--type=json", "-p",
        R"([{"op":"replace","path":"/data/x","value":"aHVudGVyMg=="}])"},
       {"kubectl", "patch", "secret", "db", "--type=json", "-p", R"([{"op":"replace","path":"/data/x","value":***)"}},
      // names
      {{"env", "MYSQL_PWD=hunter2", "DB_PASS=hunter2", "PGPASSWORD=hunter2", "backup"},
       {"env", "MYSQL_PWD=***", "DB_PASS=***", "PGPASSWORD=***", "backup"}},
      {{"x", "--password=ab&hunter2", "--token=ab;hunter2"}, {"x", "--password=***", "--token=***"}},
      {{"x", R"({"password":"a\"hunter2"})"}, {"x", R"({"password":"***"})"}},
      {{"git", "clone", "https://hunter2@github.com/a/b"}, {"git", "clone", "https://***@github.com/a/b"}},
      {{"x", "postgres://u:hunter2/x@h:5432/db"}, {"x", "postgres://u:***@h:5432/db"}},
      {{"x", "https://h:443/pkg@1.2"}, {"x", "https://h:443/pkg@1.2"}},
      {{"env", "DB_PW=hunter2", "APP_CREDS=hunter2", "url?sig=hunter2&x=1"},
       {"env", "DB_PW=***", "APP_CREDS=***", "url?sig=***&x=1"}},
      {{"x", "Server=db;Uid=sa;Pwd=hunter2;Encrypt=1"}, {"x", "Server=db;Uid=sa;Pwd=***;Encrypt=1"}},
      {{"x", "--pass", "hunter2", "--pwd", "hunter2", "--passwd", "hunter2"},
       {"x", "--pass", "***", "--pwd", "***", "--passwd", "***"}},
      {{"x", "--auth", "hunter2", "--bearer", "hunter2", "REDIS_AUTH=hunter2"},
       {"x", "--auth", "***", "--bearer", "***", "REDIS_AUTH=***"}},
      {{"x", "--access-key", "hunter2", "access_key=hunter2", "--accesskey=hunter2"},
       {"x", "--access-key", "***", "access_key=***", "--accesskey=***"}},
      {{"openssl", "rsa", "-passin", "pass:hunter2"}, {"openssl", "rsa", "-passin", "***"}},
      // a value that begins with a dash is one; a long option is not
      {{"x", "--password", "-hunter2"}, {"x", "--password", "***"}},
      {{"x", "--password", "--host", "db"}, {"x", "--password", "--host", "db"}},
      // curl's user
      {{"curl", "-u", "me:hunter2", "https://h"}, {"curl", "-u", "me:***", "https://h"}},
      {{"/usr/bin/curl", "-ume:hunter2"}, {"/usr/bin/curl", "-ume:***"}},
      {{"curl", "-sSu", "me:hunter2"}, {"curl", "-sSu", "me:***"}},
      {{"curl", "--user", "me:hunter2", "--proxy-user=me:hunter2"},
       {"curl", "--user", "me:***", "--proxy-user=me:***"}},
      // clients of MySQL, sshpass
      {{"mysql", "-uroot", "-phunter2", "shop"}, {"mysql", "-uroot", "-p***", "shop"}},
      {{"/usr/bin/mysqldump", "-p", "hunter2", "shop"}, {"/usr/bin/mysqldump", "-p", "***", "shop"}},
      {{"mariadb", "-phunter2"}, {"mariadb", "-p***"}},
      {{"mariadb-dump", "-phunter2"}, {"mariadb-dump", "-p***"}},
      {{"mysqladmin", "-phunter2", "status"}, {"mysqladmin", "-p***", "status"}},
      {{"sshpass", "-p", "-hunter2", "ssh", "-p", "22", "h"}, {"sshpass", "-p", "***", "ssh", "-p", "22", "h"}},
      {{"sshpass", "-phunter2", "ssh", "h"}, {"sshpass", "-p***", "ssh", "h"}},
      // short options of other programs
      {{"redis-cli", "-h", "db", "-a", "hunter2", "get", "x"}, {"redis-cli", "-h", "db", "-a", "***", "get", "x"}},
      {{"docker", "login", "-u", "me", "-p", "hunter2", "h"}, {"docker", "login", "-u", "me", "-p", "***", "h"}},
      {{"ldapsearch", "-D", "cn=me", "-whunter2"}, {"ldapsearch", "-D", "cn=me", "-w***"}},
      {{"sudo", "redis-cli", "-a", "hunter2"}, {"sudo", "redis-cli", "-a", "***"}},
      {{"docker", "exec", "db", "mongosh", "-p", "hunter2"}, {"docker", "exec", "db", "mongosh", "-p", "***"}},
      // keys, and blanks in a value
      {{"x", "--encryption-key", "hunter2", "SIGNING_KEY=hunter2"},
       {"x", "--encryption-key", "***", "SIGNING_KEY=***"}},
      {{"env", "DB_PASSWORD=hunter2 and more", "--token=a hunter2", "x"},
       {"env", "DB_PASSWORD=***", "--token=***", "x"}},
      {{"x", "note=a b", "PASSES=3 a"}, {"x", "note=a b", "PASSES=3 a"}},
      {{"keytool", "-storepass", "hunter2", "--requirepass", "hunter2", "--passcode", "hunter2"},
       {"keytool", "-storepass", "***", "--requirepass", "***", "--passcode", "***"}},
      {{"kubectl", "--from-literal=pwd1=hunter2", "--client-key-data", "hunter2", "--otp", "1234", "--pin=1234"},
       {"kubectl", "--from-literal=pwd1=***", "--client-key-data", "***", "--otp", "***", "--pin=***"}},
      // run by others
      {{"sudo", "-n", "mysql", "-phunter2"}, {"sudo", "-n", "mysql", "-p***"}},
      {{"bash", "-ec", "cd /x && mysql -phunter2  shop; curl -u 'me:hunter 2' h --token hunter2"},
       {"bash", "-ec", "cd /x && mysql -p***  shop; curl -u 'me:*** h --token ***"}},
  };
  for (const auto& [argv, want] : table) EXPECT_EQ(redact_argv(argv), want) << argv[0] << " " << argv[1];
}

TEST(RedactArgv, leaves_the_rest_alone) {
  const Argv table[] = {
      {"vi", "/etc/nginx.conf", "a=b", "http://host:80/x@y"},
      {"wget", "--passive", "--author=me", "https://h/passive"},
      {"mkdir", "-p", "dir"},
      {"cp", "-p", "a", "b"},
      {"psql", "-p", "5432", "-U", "me"},
      {"ssh", "-p", "22", "-u", "a:b", "h"},
      {"docker", "run", "-p", "80:80", "-u", "1000:1000", "registry/auth:1.2"},
      {"docker", "run", "-a", "stdin", "-p", "80:80", "nginx"},
      {"unzip", "-p", "a.zip"},
      {"monkey", "keyboard=us", "keys"},
      {"mysql", "-p", "-h", "db", "-P", "3306", "--protocol=tcp"},
      {"psql", "--no-password", "shop"},
      {"curl", "-u", "me", "-o", "out", "https://h:80/x"},
      {"env", "SSH_AUTH_SOCK=/run/agent", "XAUTHORITY=/x", "PASSES=3", "sh"},
      {"vi", "/etc/passwd", "-c", "set number"},
      {"sh", "-c", "test -e a  &&\tmkdir -p 'b c'"},
      {"", "-", "--", ""},
  };
  for (const auto& argv : table) EXPECT_EQ(redact_argv(argv), argv) << argv[0];
  EXPECT_THAT(redact_argv({}), ElementsAre());
}

}  // namespace
}  // namespace plumbline::agent
