"""Attributes of IaC types: aws_attributes.tsv (Terraform's, from the provider's schema: MPL-2.0, so it is a file of its own, and so is
aws_member_names.tsv, which speaks of them), aws_properties.tsv (CloudFormation's)."""

import collections
import re

from aws_identifiers import endings_of, input_of
from aws_nouns import norm, singular, words

KINDS = {"string": "s", "number": "n", "bool": "b", "dynamic": "s"}
# Words before an attribute's name that say nothing more, and endings that mean the same.
FILLERS = {"preferred", "new", "db", "default", "desired", "cache", "custom", "updated"}
SAME_ENDINGS = [("configuration", "config"), ("specification", ""), ("configuration", ""), ("config", ""), ("options", ""), ("settings", ""), ("setting", ""),
                ("input", ""), ("properties", ""), ("identifier", "id"), ("identifier", ""), ("id", "arn"), ("arn", "id"), ("arn", ""), ("id", ""), ("name", ""), 
                ("list", ""), ("policydocument", "policy"), ("document", ""), ("json", ""), ("configurations", "config"), ("configurations", "")]
GENERIC = {"name", "type", "id", "arn", "value", "key", "status", "enabled", "description", "state", "mode", "version", "items", "tags"}


class Blocks:
    """Blocks of attributes, equal ones once. An attribute is name=KIND: s string, n number, b bool; l list, t set, m map before what
    they hold; "!" behind it what nobody may see; @N a block, of which a state has a list (l), a set (t), or a list of one (1)."""

    def __init__(self):
        self.known, self.rows = {}, []

    def of_type(self, kind):
        if isinstance(kind, str):
            return KINDS[kind]
        outer, inner = kind
        if outer == "object":
            return "o@%d" % self.add(",".join(f"{n}={self.of_type(k)}" for n, k in sorted(inner.items())))
        code = {"list": "l", "set": "t", "map": "m"}[outer]
        if isinstance(inner, list) and inner[0] == "object":
            return code + self.of_type(inner)[1:]
        return code + (self.of_type(inner) if isinstance(inner, str) else "s")

    def add(self, text):
        if text not in self.known:
            self.known[text] = len(self.rows)
            self.rows.append(text)
        return self.known[text]

    def of_block(self, block, depth=0):
        cells = []
        for name, attribute in block.get("attributes", {}).items():
            if not (attribute.get("optional") or attribute.get("required")):
                continue
            if "nested_type" in attribute:
                nested = attribute["nested_type"]
                code = {"list": "l", "set": "t", "map": "m", "single": "o"}[nested["nesting_mode"]]
                cells.append(f"{name}={code}@{self.of_block(nested, depth + 1)}")
            else:
                cells.append(f"{name}={self.of_type(attribute['type'])}{'!' if attribute.get('sensitive') else ''}")
        for name, nested in block.get("block_types", {}).items():
            if name == "timeouts":
                continue
            code = "1" if nested.get("max_items") == 1 or nested["nesting_mode"] == "single" else {"list": "l", "set": "t", "map": "m"}[nested["nesting_mode"]]
            cells.append(f"{name}={code}@{self.of_block(nested['block'], depth + 1)}" if depth < 10 else f"{name}=ls")
        return self.add(",".join(sorted(c for c in cells if depth or not c.startswith(("id=", "timeouts=")))))


def near(member, attributes, noun, lasts):
    """The attribute that a member of a slightly other name is; `attributes`: normalised → name."""
    want = norm(member)
    for a, b in ((want, None), (want.removesuffix("s"), None), (want + "s", None), (norm("".join(singular(w) for w in words(member))), None)):
        if a in attributes:
            return attributes[a]
    parts = [w.lower() for w in words(member)]
    if parts and parts[0] in ("enable", "enabled", "is", "use"):
        base = "".join(parts[1:])
        for form in (base + "enabled", base, "enable" + base, base + "enable"):
            if form in attributes:
                return attributes[form]
    if parts and parts[-1] in ("enabled", "enable"):
        base = "".join(parts[:-1])
        for form in ("enable" + base, base, base + "enabled", "is" + base):
            if form in attributes:
                return attributes[form]
    if parts and parts[0] in ("disable",) and "disable" + "".join(parts[1:]) in attributes:
        return attributes["disable" + "".join(parts[1:])]
    prefixes = FILLERS | {w for tail in endings_of(noun) for w in [tail]} | set(singular(w) for w in words(noun))
    for cut in range(1, len(parts)):
        left, right = parts[:cut], "".join(parts[cut:])
        if right not in attributes or right in ("id", "arn") or not all(p in prefixes for p in left):
            continue
        # "StackName" is the name of a stack alone.
        if right not in ("name", "identifier") or singular(left[-1]) in lasts or left[-1] in FILLERS:
            return attributes[right]
    for tail in endings_of(noun):  # "class" ↔ "instance_class", "Name" ↔ "function_name"
        if tail + want in attributes:
            return attributes[tail + want]
    for ending, other in SAME_ENDINGS:
        if want.endswith(ending) and len(want) > len(ending) + 2:
            base = want[:-len(ending)] + other
            for form in (base, base + "s", base.removesuffix("s")):
                # The ARN of a policy is not the policy.
                if form in attributes and len(form) > 2 and not (ending.startswith("arn") and form in ("policy", "rule", "document")):
                    return attributes[form]
    for ending in ("arn", "id", "name", "identifier", "configuration", "config", "list", "ids", "names", "settings", "options", "json", "block"):
        if ending == "name" and not member.endswith(("Name", "name")) and len(parts) == 1 and parts[0] in ("rule", "domain"):
            continue
        if want + ending in attributes:
            return attributes[want + ending]
    seconds = [a for a in attributes if a in (want + "seconds", want + "inseconds", want + "indays", want + "days", want + "minutes", want + "inminutes")]
    return attributes[seconds[0]] if len(seconds) == 1 else None


def at_once(member, attributes):
    """Whether the decoder finds it without a row."""
    want = norm(member)
    return want in attributes or want.removesuffix("s") in attributes or want + "s" in attributes


def aliases_of(model, operation, attributes, noun, lasts):
    """(member path, attribute) of members that are called otherwise; "*" = its own members are the type's."""
    shape = input_of(model, operation)
    for name, member in shape.get("members", {}).items():
        if at_once(name, attributes):
            continue
        found = near(name, attributes, noun, lasts)
        target = model.shapes[member["shape"]]
        if found:
            yield name, found
            continue
        if target["type"] != "structure":
            continue
        inner = target.get("members", {})
        hits = {n: near(n, attributes, noun, lasts) for n in inner}
        good = {n: a for n, a in hits.items() if a and norm(n) not in GENERIC}
        if good and (len([a for a in hits.values() if a]) * 2 >= len(inner) or shape.get("payload") == name):
            yield name, "*"
            for n, a in hits.items():
                if a and not at_once(n, attributes):
                    yield f"{name}.{n}", a
        else:
            for n, a in good.items():
                if norm(n) in attributes or len(norm(n)) > 7:
                    yield f"{name}.{n}", a


def write(out, schema, cfn, inputs):
    blocks, types, names = Blocks(), {}, collections.defaultdict(dict)
    for iac_type in sorted(schema):
        block = schema[iac_type]["block"]
        types[iac_type] = blocks.of_block(block)
        every = {**block.get("attributes", {}), **block.get("block_types", {})}
        own = {norm(n): n for n, a in every.items() if n not in ("id", "timeouts") and ("optional" in a or "required" in a or "nesting_mode" in a)}
        noun = "".join(w.capitalize() for w in iac_type.split("_")[1:])
        for model, name, operation, row in inputs.get(iac_type, ()):
            short = row[3].split("::")[-1] if row[3] else noun
            for path, attribute in aliases_of(model, operation, own, short, {singular(words(short)[-1]), singular(iac_type.split("_")[-1])}):
                names[iac_type].setdefault(path, attribute)
    cfn_names = collections.defaultdict(dict)
    for iac_type in sorted(cfn):
        own = {norm(p): p for p in cfn[iac_type].settable}
        for model, name, operation, row in inputs.get(iac_type, ()):
            for path, attribute in aliases_of(model, operation, own, cfn[iac_type].noun, {singular(words(cfn[iac_type].noun)[-1])}):
                cfn_names[iac_type].setdefault(path, attribute)

    def save(name, header, rows):
        text = "\n".join([header, *("\t".join(r) for r in rows)]) + "\n"
        (out / name).write_text(text)
        print(f"{name}: {len(rows)} rows, {len(text)} bytes")
    save("aws_attributes.tsv", "#block\tattributes; then type\tblock. From the schema of terraform-provider-aws, MPL-2.0 (NOTICE)",
         [[f"@{i}", text] for i, text in enumerate(blocks.rows)] + [[t, f"@{b}"] for t, b in sorted(types.items())])
    save("aws_properties.tsv", "#type\tproperties that can be set", [[t, ",".join(cfn[t].settable)] for t in sorted(cfn)])
    save("aws_member_names.tsv", "#type\tmember\tattribute. Speaks of the schema of terraform-provider-aws, MPL-2.0 (NOTICE)",
         [[t, p, a] for t, m in sorted(names.items()) for p, a in sorted(m.items())])
    save("aws_member_properties.tsv", "#type\tmember\tproperty",
         [[t, p, a] for t, m in sorted(cfn_names.items()) for p, a in sorted(m.items())])
