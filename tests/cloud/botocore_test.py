#!/usr/bin/env python3
"""All of AWS, as AWS' own library serialises it: each request must get the name of the operation that made it.

    botocore_test.py [FOLDER]    FOLDER keeps the requests; default: a temporary one

Runs with the pinned botocore (tests/harness/botocore) and with Debian's older one, whose wires are still in use. Prints a line of
figures a protocol, and how much is known of what writes touch (aws_coverage.py). Ends with 1 where one request is wrong or unnamed or
less is known than was, 77 where no botocore can be had.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import aws_coverage

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PLUMB = pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build/release")) / "plumb"

# Names of one and the same wire: what botocore calls it → what is reported. Nothing else may differ.
SERVICES = {"docdb": "rds", "neptune": "rds", "wisdom": "qconnect", "sms-voice": "pinpoint-sms-voice", "signer-data": "signer"}
CHIME_IDENTITY = """
    CreateAppInstance CreateAppInstanceAdmin CreateAppInstanceUser DeleteAppInstance DeleteAppInstanceAdmin
    DeleteAppInstanceUser DescribeAppInstance DescribeAppInstanceAdmin DescribeAppInstanceUser
    GetAppInstanceRetentionSettings ListAppInstanceAdmins ListAppInstanceUsers ListAppInstances
    PutAppInstanceRetentionSettings UpdateAppInstance UpdateAppInstanceUser
""".split()
CHIME_MESSAGING = """
    BatchCreateChannelMembership CreateChannel CreateChannelBan CreateChannelMembership CreateChannelModerator DeleteChannel
    DeleteChannelBan DeleteChannelMembership DeleteChannelMessage DeleteChannelModerator DescribeChannel DescribeChannelBan
    DescribeChannelMembership DescribeChannelMembershipForAppInstanceUser DescribeChannelModeratedByAppInstanceUser
    DescribeChannelModerator GetChannelMessage GetMessagingSessionEndpoint ListChannelBans ListChannelMemberships
    ListChannelMembershipsForAppInstanceUser ListChannelMessages ListChannelModerators ListChannels
    ListChannelsModeratedByAppInstanceUser RedactChannelMessage SendChannelMessage UpdateChannel UpdateChannelMessage
    UpdateChannelReadMarker
""".split()
OPERATIONS = {
    "chime": {**{o: ("chime-sdk-identity", o) for o in CHIME_IDENTITY}, **{o: ("chime-sdk-messaging", o) for o in CHIME_MESSAGING},
              **{f"{verb}AppInstanceStreamingConfigurations": ("chime-sdk-messaging", f"{verb}MessagingStreamingConfigurations")
                 for verb in ("Get", "Put", "Delete")}},
    "s3": {"PutBucketLifecycle": ("s3", "PutBucketLifecycleConfiguration"), "GetBucketLifecycle": ("s3", "GetBucketLifecycleConfiguration"),
           "PutBucketNotification": ("s3", "PutBucketNotificationConfiguration"),
           "GetBucketNotification": ("s3", "GetBucketNotificationConfiguration")},
    "greengrass": {o: ("greengrassv2", o) for o in (
        "AssociateServiceRoleToAccount", "DisassociateServiceRoleFromAccount", "GetServiceRoleForAccount", "GetConnectivityInfo",
        "UpdateConnectivityInfo", "ListTagsForResource", "TagResource", "UntagResource")},
    "es": {o: ("opensearch", o) for o in (
        "AddTags", "ListTags", "RemoveTags", "ListDomainNames", "AssociatePackage", "DissociatePackage", "CreatePackage", "UpdatePackage",
        "DeletePackage", "DescribePackages", "GetPackageVersionHistory", "ListDomainsForPackage", "ListPackagesForDomain")},
    "timestream-query": {o: ("timestream-write", o) for o in ("DescribeEndpoints", "ListTagsForResource", "TagResource", "UntagResource")},
    "lambda-microvms": {o: ("lambda", o) for o in ("ListTags", "TagResource", "UntagResource")},
    "securitylake": {old: ("securitylake", new) for old, new in (
        ("CreateDatalake", "CreateDataLake"), ("UpdateDatalake", "UpdateDataLake"),
        ("CreateDatalakeExceptionsSubscription", "CreateDataLakeExceptionSubscription"),
        ("UpdateDatalakeExceptionsSubscription", "UpdateDataLakeExceptionSubscription"),
        ("DeleteDatalakeExceptionsSubscription", "DeleteDataLakeExceptionSubscription"),
        ("GetDatalakeExceptionsSubscription", "GetDataLakeExceptionSubscription"),
        ("ListDatalakeExceptions", "ListDataLakeExceptions"),
        ("CreateDatalakeDelegatedAdmin", "RegisterDataLakeDelegatedAdministrator"))},
}
# Not serialised, each with its reason; anything else that is not is a failure.
CANNOT = {"event stream": "needs HTTP/2"}


def wanted(case):
    service, operation = case["service"], case["operation"]
    return OPERATIONS.get(service, {}).get(operation, (SERVICES.get(service, service), operation))


def interpreters():
    built = subprocess.run([ROOT / "tests/harness/botocore/build.sh"], capture_output=True, text=True)
    if built.returncode == 0:
        yield "current", pathlib.Path(built.stdout.strip()) / "bin/python"
    else:
        print(f"the pinned botocore cannot be had: {(built.stderr.strip().splitlines() or ['?'])[-1]}")
    if subprocess.run(["/usr/bin/python3", "-c", "import botocore"], capture_output=True).returncode == 0:
        yield "Debian's", pathlib.Path("/usr/bin/python3")
    else:
        print("Debian's python3-botocore is not installed")


def is_excused(case, is_, wires, request):
    """At a host of no name, two services that sign alike and have one path are one wire; and who does not sign is nobody."""
    if is_[0] is None:
        head = {name.lower() for name, _ in json.loads(request)["headers"]}
        return not head & {"authorization", "x-amz-target", "smithy-protocol"}
    return [w[:2] + [w[2].rstrip("/")] for w in (case["wire"],)][0] in [w[:2] + [w[2].rstrip("/")] for w in wires[is_]]


def compare(name, folder, custom_host=False):
    """Prints figures; returns the number of requests that are not right."""
    cases = [json.loads(line) for line in (folder / "expected.ndjson").read_text().splitlines()]
    done = subprocess.run([PLUMB, "decode", folder / "requests.ndjson"], capture_output=True, text=True, timeout=600)
    got = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0 or len(got) != len(cases):
        print(f"FAIL {name}: plumb decode ended with {done.returncode}, {len(got)} answers to {len(cases)}: {done.stderr[:500]}")
        return len(cases)
    counts, bad, wires = collections.defaultdict(collections.Counter), [], collections.defaultdict(list)
    for case in cases:
        wires[wanted(case)].append(case["wire"])
    requests = (folder / "requests.ndjson").read_text().splitlines()
    for number, (case, answer, request) in enumerate(zip(cases, got, requests), 1):
        is_ = answer.get("service"), answer.get("operation")
        word = "right" if is_ == wanted(case) else "unnamed" if answer["unmapped"] else "wrong"
        if word != "right" and custom_host and is_excused(case, is_, wires, request):
            word = "alike"
        counts[case["protocol"]][word] += 1
        if word in ("wrong", "unnamed"):
            bad.append((number, case, is_, answer.get("why")))
    for protocol, count in sorted(counts.items()):
        print(f"{name}: {protocol}: {count['right']} right, {count['wrong']} wrong, {count['unnamed']} unnamed" +
              (f", {count['alike']} unsigned or of one wire with another service's" if count["alike"] else ""))
    for number, case, is_, why in bad[:int(os.environ.get("SHOW", "20"))]:
        print(f"{name}: line {number}: {case['service']}:{case['operation']} ({case['version']}, {case['protocol']}) is {is_}, {why or ''}")
    refused = [r for r in json.loads((folder / "refused.json").read_text()) if r["why"] not in CANNOT]
    for case in refused[:20]:
        print(f"{name}: not serialised: {case['service']}:{case['operation']}: {case['why']}")
    streams = len(json.loads((folder / "refused.json").read_text())) - len(refused)
    print(f"{name}: {len(cases)} requests, {sum(c['right'] for c in counts.values())} right, {sum(c['alike'] for c in counts.values())} excused, {len(bad)} not; {len(refused)} more could not be made, "
          f"{streams} are streams of events, which need HTTP/2")
    # The requests with every member tell what is known of what they touch.
    kind, _, run = name.partition(", ")
    return len(bad) + len(refused) + (aws_coverage.check(kind, got) if run == "full" else 0)


def main(folder):
    runs = [("required", []), ("full", ["--full"]), ("custom host", ["--endpoint", "http://localhost:4566"])]

    def make(kind, python, run, arguments):
        where = folder / f"{kind[0]}-{run.replace(' ', '-')}"
        where.mkdir(parents=True, exist_ok=True)
        subprocess.run([python, HERE / "botocore_requests.py", where, *arguments], check=True, timeout=1200)
        return f"{kind}, {run}", where, run == "custom host"

    bad, kinds = 0, set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        made = [pool.submit(make, kind, python, run, arguments) for kind, python in interpreters() for run, arguments in runs]
        for one in made:
            name, where, custom_host = one.result()
            kinds.add(name.partition(", ")[0])
            bad += compare(name, where, custom_host)
    if not made:
        print("SKIP: no botocore can be had here")
        return 77
    # The page has a column for each of the two, which not every machine has.
    if kinds == set(aws_coverage.THRESHOLDS):
        bad += aws_coverage.is_stale(folder)
    else:
        print(f"docs/coverage.md is not compared: only botocore {', '.join(sorted(kinds))} is here")
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(main(pathlib.Path(sys.argv[1])))
    with tempfile.TemporaryDirectory(prefix="plumbline-cloud-") as scratch:
        sys.exit(main(pathlib.Path(scratch)))
