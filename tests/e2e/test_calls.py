"""Cloud API calls, seen in the plaintext of real clients' TLS connections to a real server."""

import json
import shutil
import subprocess

import harness
from harness import Skip, wait
from moto import AUTHORIZATION, CANARY, Moto
from tls_servers import Ec2, Yes
from watched_calls import go_program, start, state, wait_call


def test_a_call_that_changes_a_managed_resource(stack):
    moto = Moto(stack)
    vpc = moto.aws("ec2", "create-vpc", "--cidr-block", "10.0.0.0/16")["Vpc"]["VpcId"]
    group = moto.aws("ec2", "create-security-group", "--group-name", "web", "--description", "d", "--vpc-id", vpc)["GroupId"]
    state(stack.dir / "net.tfstate", ("aws_security_group", "web", {"id": group, "vpc_id": vpc, "name": "web", "description": "d",
                                                                    "ingress": []}),
          ("aws_vpc", "main", {"id": vpc, "tags": None, "tags_all": {"Team": "net"}}))
    start(stack, ["/usr/lib", "/usr/local/lib", moto.bin])
    assert stack.drifts() == []

    moto.aws("ec2", "describe-security-groups", "--group-ids", group)
    with subprocess.Popen([moto.bin / "aws", "ec2", "authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp",
                           "--port", "22", "--cidr", "0.0.0.0/0"], env=moto.environment, stdout=subprocess.DEVNULL) as client:
        pass
    assert client.returncode == 0
    drift = wait_call(stack, "AuthorizeSecurityGroupIngress")
    call = drift["call"]
    assert drift["resource"] == "tofu:net/aws_security_group.web" and drift["state"] == "open", drift
    assert (call["provider"], call["service"], call["outcome"]) == ("aws", "ec2", "succeeded"), call
    assert (call["region"], call["principal"]) == ("eu-west-1", "AKIAIOSFODNN7EXAMPLE"), call
    assert drift["actor"]["process"]["pid"] == client.pid, drift["actor"]
    assert drift["comparison"] == "mismatch" and call["semantics"] == "delta", drift
    assert [d["attribute"] for d in drift["diff"]] == ["ingress"] and "0.0.0.0/0" in drift["diff"][0]["live"], drift["diff"]
    assert len(stack.findings()) == 1, "what only reads is no finding"

    # Who may not, and what only asks, changes nothing.
    assert moto.run("ec2", "revoke-security-group-ingress", "--dry-run", "--group-id", group, "--protocol", "tcp", "--port", "22",
                    "--cidr", "0.0.0.0/0").returncode != 0
    wait(lambda: len(stack.findings()) == 2, "the dry run on record")
    assert stack.drifts()[0]["count"] == 1, stack.drifts()
    shown = stack.plumb("drift").stdout
    assert "ec2:AuthorizeSecurityGroupIngress" in shown, shown

    # The provider's own tag as it should be, and one that nobody declared.
    moto.aws("ec2", "create-tags", "--resources", vpc, "--tags", "Key=Team,Value=net", "Key=Owner,Value=me")
    tagged = wait_call(stack, "CreateTags")
    assert tagged["resource"] == "tofu:net/aws_vpc.main", tagged
    assert tagged["diff"] == [{"attribute": "tags.Owner", "expected": "", "live": "me"}], tagged["diff"]
    seen = (stack.dir / "agent.log").read_text() + json.dumps(stack.drifts()) + json.dumps(stack.findings())
    assert CANARY not in seen and "Signature" not in seen


def test_who_talks_to_a_server_of_its_own_puts_nothing_right(stack):
    """A client's word is enough to open drift, and never to close it: a program may have a call said that nobody carried out."""
    moto = Moto(stack)
    moto.aws("rds", "create-db-instance", "--db-instance-identifier", "shop", "--db-instance-class", "db.t3.micro", "--engine", "postgres",
             "--master-username", "app", "--master-user-password", "correct-horse-battery", "--allocated-storage", "20")
    state(stack.dir / "net.tfstate", ("aws_db_instance", "shop", {"id": "shop", "identifier": "shop", "instance_class": "db.t3.micro"}))
    start(stack, ["/usr/lib", "/usr/local/lib", moto.bin])

    def is_really():
        return moto.aws("rds", "describe-db-instances")["DBInstances"][0]["DBInstanceClass"]

    resize = ["rds", "modify-db-instance", "--apply-immediately", "--db-instance-identifier", "shop", "--db-instance-class"]
    moto.aws(*resize, "db.m5.large")
    drift = wait_call(stack, "ModifyDBInstance")
    wrong = [{"attribute": "instance_class", "expected": "db.t3.micro", "live": "db.m5.large"}]
    assert drift["diff"] == wrong and drift["verdict"] == "out_of_band", drift

    host = "rds.eu-west-1.amazonaws.com"
    own = Yes(stack, host, b"<ModifyDBInstanceResponse><ModifyDBInstanceResult/></ModifyDBInstanceResponse>")
    subprocess.run(["curl", "-sS", "--fail", "-o", "/dev/null", "--cacert", own.certificate, "--resolve", f"{host}:{own.port}:127.0.0.1",
                    "-H", "Authorization: " + AUTHORIZATION.replace("/ec2/", "/rds/"), "-d",
                    "Action=ModifyDBInstance&Version=2014-10-31&DBInstanceIdentifier=shop&DBInstanceClass=db.t3.micro",
                    f"https://{host}:{own.port}/"], check=True)
    assert len(own.asked) == 1 and is_really() == "db.m5.large"
    wait(lambda: len(stack.findings()) == 2, "the claim on record")
    claim = stack.findings()[0]
    assert (claim["comparison"], claim["verdict"], claim["drift_id"]) == ("match", "converged_by_stranger", drift["id"]), claim
    still = stack.drifts()[0]
    assert (still["id"], still["state"], still["diff"]) == (drift["id"], "open", wrong), still
    assert [e["says"] for e in still["evidence"] if e["kind"] == "put_back"][0].startswith("a call set what the baseline expects"), still

    run = subprocess.run([harness.PLUMB, "--socket", stack.sock, "run", "--baseline", "net", "--", moto.bin / "aws", *resize, "db.t3.micro"],
                         env=moto.environment, capture_output=True, text=True)
    assert run.returncode == 0 and is_really() == "db.t3.micro", run
    wait(lambda: stack.drifts()[0]["state"] == "resolved", "it to be put back by an approved run")


def test_calls_can_be_switched_off(stack):
    moto = Moto(stack)
    state(stack.dir / "net.tfstate", ("aws_cloudwatch_metric_alarm", "cpu", {"id": "cpu", "alarm_name": "cpu", "threshold": 80}))

    def put(threshold):
        moto.aws("cloudwatch", "put-metric-alarm", "--alarm-name", "cpu", "--metric-name", "CPU", "--namespace", "n", "--period", "60",
                 "--evaluation-periods", "1", "--statistic", "Average", "--comparison-operator", "GreaterThanThreshold",
                 "--threshold", str(threshold))

    start(stack, ["/usr/lib", "/usr/local/lib", moto.bin])
    put(95)
    first = wait_call(stack, "PutMetricAlarm")
    assert {"attribute": "threshold", "expected": "80", "live": "95"} in first["diff"], first["diff"]
    config = stack.dir / "agent.yaml"
    config.write_text(config.read_text().replace("enabled: true", "enabled: false"))
    stack.agent.send_signal(harness.signal.SIGHUP)
    wait(lambda: stack.api("/v1/status")["calls"]["enabled"] is False, "the hooks to end")
    assert "calls_not_seen" in [s["id"] for s in stack.all(stack.api, "/v1/blindspots")]
    put(96)
    config.write_text(config.read_text().replace("enabled: false", "enabled: true"))
    stack.agent.send_signal(harness.signal.SIGHUP)
    wait(lambda: stack.api("/v1/status")["calls"].get("first_pass_done"), "the hooks to be there again", 120)
    put(97)
    wait(lambda: stack.drifts()[0]["count"] == 2, "the next call")
    assert stack.drifts()[0]["id"] == first["id"]


def test_a_call_whose_stack_has_to_grow_is_told_once(stack):
    """A function of Go that finds too little stack begins anew on a larger one."""
    if not shutil.which("go"):
        raise Skip("Go is not installed")
    program = go_program(stack, harness.ROOT / "tests/harness/growing_stack/main.go")
    server, count = Ec2(stack), 200
    groups = [f"sg-grow-{i}" for i in range(count)]
    state(stack.dir / "net.tfstate", *[("aws_security_group", group, {"id": group, "name": group}) for group in groups])
    start(stack, [program.parent])
    subprocess.run([program, f"localhost:{server.port}", server.certificate, AUTHORIZATION, str(count)], check=True)
    assert server.refused == []
    wait(lambda: len(stack.findings()) >= count, "the calls")
    told = [f["resource"].removeprefix("tofu:net/aws_security_group.") for f in stack.findings()]
    assert sorted(told) == sorted(groups), sorted(set(told) ^ set(groups))


def test_a_cgroup_that_is_left_alone(stack):
    check_cgroup_left_alone(stack)


def test_a_cgroup_that_is_left_alone_by_an_agent_with_a_cgroup_namespace_of_its_own(stack):
    """As a container's: what it reads of others' cgroups begins at its own."""
    _, procs = stack.cgroup()
    stack.agent_within = ["sh", "-c", f'echo 0 >{procs}; exec unshare --cgroup "$@"', "sh"]
    check_cgroup_left_alone(stack)


def check_cgroup_left_alone(stack):
    """One that runs when the agent starts, one that comes later, and one below: nothing of their calls is copied. Others are seen."""
    if not shutil.which("curl"):
        raise Skip("curl is not installed")
    server = Ec2(stack)
    path, procs = stack.cgroup()
    below = procs.parent / "below"
    below.mkdir()
    stack.cleanup.callback(lambda: wait(lambda: stack.try_rmdir(below), f"{below} to be empty"))

    def call(group, *cgroup):
        join = "".join(f"echo 0 >{file}; " for file in cgroup)
        script = join + ('exec curl -fsS -o /dev/null --cacert "$2" -H "Authorization: $3" '
                         '-d "Action=DeleteSecurityGroup&Version=2016-11-15&GroupId=$4" "$1"')
        subprocess.run(["sh", "-c", script, "sh", f"https://localhost:{server.port}/", server.certificate, AUTHORIZATION, group], check=True)

    groups = ["sg-seen", "sg-left", "sg-below", "sg-again", "sg-last"]
    state(stack.dir / "net.tfstate", *[("aws_security_group", group, {"id": group, "name": group}) for group in groups])
    start(stack, ["/usr/lib", "/usr/bin"], f", exclude_cgroups: [{path}]")

    def scope():
        return stack.api("/v1/status")["calls"]["scope"]

    def left_out(*wanted):
        before = scope()["calls_left_out"]
        call(*wanted)
        wait(lambda: scope()["calls_left_out"] > before, f"{wanted} to be counted")
    call("sg-seen")
    wait(lambda: len(stack.findings()) == 1, "the first call")
    call("sg-left", procs)  # asked about by its execution; whether the answer is there before the first request is a matter of time
    wait(lambda: scope()["cgroups_excluded"] == 1, "the cgroup to be known")
    left_out("sg-again", procs)
    call("sg-below", below / "cgroup.procs")
    wait(lambda: scope()["cgroups_excluded"] == 2, "the one below to be known")
    call("sg-last")
    wait(lambda: any(f["resource"].endswith("sg-last") for f in stack.findings()), "the last call")
    assert sorted(f["resource"].rsplit(".", 1)[1] for f in stack.findings()) == ["sg-last", "sg-seen"], stack.findings()
    assert "left alone" in stack.plumb("status").stdout, stack.plumb("status").stdout
    assert server.refused == []
