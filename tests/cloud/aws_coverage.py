#!/usr/bin/env python3
"""How much of AWS is known by IaC type, id and attribute, over the requests that botocore_test.py makes.

    aws_coverage.py FOLDER [--write]      FOLDER as given to botocore_test.py; --write also makes AWS' part of docs/coverage.md

Counted are operations whose verb is Create, Update, Delete, Modify, Put, Tag or Untag, which are writes by their access level and
move no data of users. "Mapped" = an IaC type of CloudFormation or Terraform is named.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

import coverage_page

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PLUMB = pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build/release")) / "plumb"
TABLES = ROOT / "cloud/tables"

VERB = re.compile(r"(Create|Update|Delete|Modify|Put|Tag|Untag)(?![a-z])")
UPDATES = re.compile(r"(Update|Modify|Put|Set)(?![a-z])")
CORE = """
    acm apigateway apigatewayv2 application-autoscaling athena autoscaling backup cloudformation cloudfront cloudtrail cloudwatch codebuild
    codepipeline cognito-idp config dynamodb ec2 ecr ecs efs eks elasticache elb elbv2 events firehose glue iam kinesis kms lambda logs
    opensearch rds redshift route53 s3 secretsmanager sns sqs ssm stepfunctions wafv2
""".split()
# Members that say how a call is to be carried out, and those of which the state of no IaC type has anything.
SWITCHES = re.compile(r"""(?x)^(DryRun|ApplyImmediately|AllowMajorVersionUpgrade|Overwrite|forceNewDeployment|Force\w*|\w*ClientToken|
    clientRequestToken|ClientRequestToken|RevisionId|revisionId|IfMatch|ETag|CallerReference|LockToken|ExpectedBucketOwner|ContentMD5|
    ChecksumAlgorithm|MFA|NoReboot|BypassPolicyLockoutSafetyCheck|ConfirmRemoveSelfBucketAccess|RotateMasterUserPassword|RotateIngestEndpointCert|
    \w*IdempotencyToken|Publish|ReturnValues\w*|RequestPayer|Token|token|CurrentVersion|currentVersion|UpdateReason|changeToken|ChangeToken|NonceToken|
    currentRevisionToken|CurrentRevision|UpdateToken|updateToken|cancel\w*|CopyTags|SkipFinal\w*|UsePreviousTemplate|DisableRollback|RetainExceptOnCreate|clientToken|
    Checksum[A-Z]\w*|ContentLength|accepts|Replace|RemoveFields|ObjectIfMatch|BypassGovernanceRetention|HealthCheckVersion|ResetElements|
    force|OperationId|SkipArchive|ConfirmRemoveSelfBucketAccess|patchOperations|OperationType|Attribute)$""")
# The same of one operation, where the name alone does not say it. patchOperations above name attributes by their paths; OperationType
# and Attribute say how another member is meant.
SWITCHES_OF = {
    "version that is meant": {"s3": {o: "VersionId" for o in ("PutObjectAnnotation", "PutObjectAcl", "PutObjectRetention", "PutObjectLegalHold",
                                                             "PutObjectTagging", "UpdateObjectEncryption")},
                              "ssm": {"UpdateDocument": "DocumentVersion", "UpdateAssociation": "AssociationVersion"},
                              "glue": {"UpdateTable": "VersionId TransactionId"}, "firehose": {"UpdateDestination": "CurrentDeliveryStreamVersionId"}},
    "stacks that are meant": {"cloudformation": {"UpdateStackSet": "DeploymentTargets Accounts Regions"}},
    "of this call alone": {"cloudformation": {"UpdateStack": "StackPolicyDuringUpdateBody StackPolicyDuringUpdateURL ResourceTypes DisableValidation",
                                              "UpdateGeneratedTemplate": "RefreshAllResources"},
                           "rds": {"ModifyDBCluster": "AllowEngineModeChange"}, "opensearch": {"UpdateDomainConfig": "DryRunMode AcceptedWarnings"},
                           "ec2": {"ModifyCapacityReservation": "Accept AcceptModificationTerms QuoteId"},
                           "glue": {"UpdateDevEndpoint": "UpdateEtlLibraries", "UpdateTable": "ViewUpdateAction"},
                           "codebuild": {"UpdateWebhook": "rotateSecret"}, "elasticache": {"ModifyCacheCluster": "AuthTokenUpdateStrategy"}},
}
# Reached with the tables of today. What today's botocore has and the provider's schema (2025) has not cannot be mapped by anybody;
# Debian's (2022) is older than both.
THRESHOLDS = {"current": {"mapped": 0.81, "mapped_core": 0.915, "with_a_type_core": 0.995, "ids": 0.985, "members": 0.90},
              "Debian's": {"mapped": 0.82, "mapped_core": 0.95, "with_a_type_core": 0.995, "ids": 0.985, "members": 0.92}}


def switches_of(service, operation):
    return {member for kind in SWITCHES_OF.values() for member in kind.get(service, {}).get(operation, "").split()}


def without_a_type():
    """(service, operation) → why no type stands for it (aws_no_type.tsv)."""
    found = {}
    for line in (HERE / "aws_no_type.tsv").read_text().splitlines():
        if not line.startswith("#"):
            service, operations, reason = line.split("\t")
            found.update({(service, operation): reason for operation in operations.split()})
    return found


def expressions():
    """(service, operation) → what its ids are made of, in the tables."""
    found = collections.defaultdict(str)
    known = set()
    for name in ("aws_resources_known.tsv", "aws_resources.tsv"):
        here = set()
        for line in (TABLES / name).read_text().splitlines():
            cells = line.split("\t")
            if line.startswith("#") or len(cells) < 6 or (cells[0], cells[1]) in known:
                continue
            here.add((cells[0], cells[1]))
            found[cells[0], cells[1]] += " " + cells[4] + " " + cells[5]
        known |= here
    return found


def answers_of(folder):
    done = subprocess.run([PLUMB, "decode", folder / "requests.ndjson"], capture_output=True, text=True, timeout=600, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def writes(answers):
    """Each write once, by the name it is reported by; the protocol with most parameters."""
    found = {}
    for answer in answers:
        if answer["unmapped"] or answer.get("data_plane") or answer["level"] in ("read", "list"):
            continue
        key = answer["service"], answer["operation"]
        if key not in found or len(answer.get("parameters", {})) > len(found[key].get("parameters", {})):
            found[key] = answer
    return found


def types_of(answer):
    return [t for r in answer.get("resources", ()) for t in r.get("iac_types", ())]


def members_known(answer, ids):
    """(members that count, those that no attribute has): an id, a switch, and an attribute of a type count as known."""
    own = switches_of(answer["service"], answer["operation"])
    counted = [m for m in answer.get("parameters", {}) if not SWITCHES.match(m) and m not in own]
    attributes = {a["parameter"].split(".")[0] for t in types_of(answer) for a in t.get("attributes", ())}
    in_ids = set(re.findall(r"[A-Za-z][A-Za-z0-9]*", ids))
    return counted, [m for m in counted if m not in attributes and m not in in_ids]


class Figures:
    def __init__(self, answers):
        self.all = writes(answers)
        ids = expressions()
        self.total, self.mapped = collections.Counter(), collections.Counter()
        self.by_terraform = self.by_cloudformation = 0
        self.changes = self.with_id = 0
        self.unmapped, self.without_id = collections.defaultdict(list), []
        self.no_type, self.wrongly_listed = collections.Counter(), []
        reasons = without_a_type()
        self.semantics = collections.Counter()
        for (service, operation), answer in sorted(self.all.items()):
            self.semantics[answer.get("semantics", "none")] += 1
            if not VERB.match(operation):
                continue
            types = [t["type"] for t in types_of(answer)]
            self.total[service] += 1
            self.by_terraform += any(t.startswith("aws_") for t in types)
            self.by_cloudformation += any(t.startswith("AWS::") for t in types)
            if not types and (service, operation) in reasons:
                self.no_type[service] += 1
                continue
            if not types:
                self.unmapped[service].append(operation)
                continue
            if (service, operation) in reasons:
                self.wrongly_listed.append(f"{service}:{operation}")
            self.mapped[service] += 1
            if answer["semantics"] != "create":
                self.changes += 1
                self.with_id += any(r.get("ids") for r in answer["resources"])
                if not any(r.get("ids") for r in answer["resources"]):
                    self.without_id.append(f"{service}:{operation}")
        updates = [(len(a.get("parameters", {})), s, o) for (s, o), a in self.all.items()
                   if s in CORE and UPDATES.match(o) and types_of(a)]
        self.top = []
        for _, service, operation in sorted(updates, key=lambda u: (-u[0], u[1:]))[:150]:
            self.top.append((service, operation, *members_known(self.all[service, operation], ids[service, operation])))

    def share(self, services=None):
        keys = [s for s in self.total if services is None or s in services]
        return sum(self.mapped[s] for s in keys) / sum(self.total[s] for s in keys)

    def share_of_those_with_a_type(self):
        return sum(self.mapped[s] for s in CORE) / sum(self.total[s] - self.no_type[s] for s in CORE)

    def values(self):
        members, unknown = sum(len(t[2]) for t in self.top), sum(len(t[3]) for t in self.top)
        return {"mapped": self.share(), "mapped_core": self.share(CORE),
                "with_a_type_core": self.share_of_those_with_a_type(), "ids": self.with_id / self.changes,
                "members": (members - unknown) / members}


def check(kind, answers):
    """Prints the figures; returns how many are below their thresholds. `kind`: of which botocore, as botocore_test.py names it."""
    figures = Figures(answers)
    bad = len(figures.wrongly_listed)
    if bad:
        print(f"FAIL {kind}: said to have no type, and have one: {', '.join(figures.wrongly_listed)}")
    for name, value in figures.values().items():
        wanted = THRESHOLDS[kind][name]
        bad += value < wanted
        print(f"{'FAIL ' if value < wanted else ''}{kind}, coverage: {name} {value:.2%} (at least {wanted:.1%})")
    return bad


def page(figures, older):
    value, before = figures.values(), older.values()
    total = sum(figures.total.values())
    core = sum(figures.total[s] for s in CORE)
    out = ["## AWS", "",
           "By `tests/cloud/botocore_test.py FOLDER && tests/cloud/aws_coverage.py FOLDER --write`: all operations of the pinned botocore",
           "(`tests/harness/botocore`), each member once.", "",
           "| Figure | botocore 1.44.8 (2026) | 1.29.27 (2022, Debian's) |", "| --- | --- | --- |",
           f"| Write operations (access level, data planes aside) | {len(figures.all)} | {len(older.all)} |",
           f"| Of these Create, Update, Delete, Modify, Put, Tag, Untag | {total} | {sum(older.total.values())} |",
           f"| … with an IaC type | {value['mapped']:.1%} | {before['mapped']:.1%} |",
           f"| … with one of CloudFormation / of Terraform | {figures.by_cloudformation} / {figures.by_terraform} | "
           f"{older.by_cloudformation} / {older.by_terraform} |",
           f"| … in {len(CORE)} core services ({core} operations) | {value['mapped_core']:.1%} | {before['mapped_core']:.1%} |",
           f"| … in core services, of those that some type stands for (the others [below](#writes-that-no-type-stands-for): "
           f"{sum(figures.no_type.values())} and {sum(older.no_type.values())}) | {value['with_a_type_core']:.1%} | {before['with_a_type_core']:.1%} |",
           f"| Changes (no creates) with a type that have an id in the request | {value['ids']:.1%} | {before['ids']:.1%} |",
           f"| Members known of the 150 update operations of core services with most members | {value['members']:.1%} | {before['members']:.1%} |",
           "", "A member is known where it is an attribute of one of the types, a part of an id, or says only how the call is carried out (a list in",
           "`aws_coverage.py`). Terraform's types and attributes are those of terraform-provider-aws 5.100.0 and what 6.25.0 has more, CloudFormation's",
           "those of `@aws-cdk/aws-service-spec` 0.1.216: members and operations that are newer have nothing to be mapped to, which is why the older",
           "library's figures are higher. What is measured is that a name is found; that it is the right one is tested for the operations in",
           "`tests/unit/cloud/aws_touched_test.cpp`.",
           "", "| Semantics | Operations |", "| --- | --- |",
           *(f"| {name} | {count} |" for name, count in sorted(figures.semantics.items())),
           "", "Where only a part of a type is made or removed (a backup of a table), the type is that of what it is a part of, and the semantics are `delta`.",
           "Ids of what is created are the service's mostly, and read from its answer.", "",
           "### Core services", "", "| Service | Known | Without a type | Not known |", "| --- | --- | --- | --- |"]
    for service in sorted(CORE):
        out.append(f"| {service} | {figures.mapped[service]} of {figures.total[service]} | {figures.no_type[service] or ''} | "
                   f"{', '.join(figures.unmapped[service])} |")
    out += ["", "### Writes that no type stands for", "",
            "Of core services, by `tests/cloud/aws_no_type.tsv`. They are seen and named, but no state can have what they change. In the figures above",
            "they count as not known, but for the one row that says otherwise.", "", "| Service | Operations | Why |", "| --- | --- | --- |"]
    grouped = collections.defaultdict(list)
    for (service, operation), reason in without_a_type().items():
        if (service, operation) in figures.all or (service, operation) in older.all:
            grouped[service, reason].append(operation)
    out += [f"| {service} | {', '.join(operations)} | {reason} |" for (service, reason), operations in sorted(grouped.items())]
    out += ["", "### Other services of AWS", "", "| Service | Known |", "| --- | --- |"]
    out += [f"| {s} | {figures.mapped[s]} of {figures.total[s]} |" for s in sorted(figures.total) if s not in CORE]
    out += ["", "### Members of update operations without an attribute", "", "| Operation | Members | Not known |", "| --- | --- | --- |"]
    out += [f"| {s} {o} | {len(c)} | {', '.join(u)} |" for s, o, c, u in figures.top if u]
    return "\n".join(line.rstrip() for line in out) + "\n"


def page_of(folder):
    return page(*(Figures(answers_of(folder / f"{kind[0]}-full")) for kind in THRESHOLDS))


def is_stale(folder):
    """Whether docs/coverage.md says something else of AWS than these requests do; tells of it."""
    stale = coverage_page.told("aws") != page_of(folder).strip("\n")
    if stale:
        print("docs/coverage.md says something else; run aws_coverage.py FOLDER --write")
    return stale


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    answers = {kind: answers_of(arguments.folder / f"{kind[0]}-full") for kind in THRESHOLDS}
    if arguments.write:
        coverage_page.write("aws", page_of(arguments.folder))
    return 1 if sum(check(kind, answers[kind]) for kind in answers) or is_stale(arguments.folder) else 0


if __name__ == "__main__":
    sys.exit(main())
