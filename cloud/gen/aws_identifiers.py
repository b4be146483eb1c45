"""Which members of a request or an answer name what an operation touches, as expressions of cloud/aws/identifier.hpp."""

import re

from aws_nouns import norm, singular, words

ENDINGS = ("id", "arn", "name", "identifier", "url", "ids", "arns", "names", "identifiers")
ID_LIKE = re.compile(r"(Id|Arn|ARN|Name|Identifier|Url|Key|Ids|Arns|Names|Identifiers|^id|^arn|^name|^identifier|^resource|^Resource)$")
# Members that end as an id does and name something else.
NO_ID = {norm(n) for n in """ClientToken ClientRequestToken RequestId NextToken TagKey TagKeys KmsKeyId KMSKeyId RoleArn ServiceRoleArn ExecutionRoleArn
    MasterUserName Username IdempotencyToken CallerReference UserName DomainName HostName ExpectedBucketOwner DisplayName ParentName ContentType""".split()}


def input_of(model, operation):
    shape = operation.get("input")
    return model.shapes[shape["shape"]] if shape else {"members": {}}


def kind_of(model, member):
    return model.shapes[member["shape"]]["type"]


def is_text(model, member):
    shape = model.shapes[member["shape"]]
    if shape["type"] == "list":
        shape = model.shapes[shape["member"]["shape"]]
    return shape["type"] in ("string", "integer", "long") and not shape.get("enum")


def endings_of(noun):
    """"DBSecurityGroup" → dbsecuritygroup, securitygroup, group"""
    parts = [singular(w) for w in words(noun)]
    return ["".join(parts[i:]) for i in range(len(parts))]


def find_member(texts, noun, part, allow_bare=True):
    """A member that is `part` (a primary identifier's name) of a `noun`; `texts`: normalised name → name."""
    want = norm(part)
    if want in texts and (want not in ("id", "arn", "name") or allow_bare):
        return texts[want]
    tails = endings_of(noun)
    for tail in tails:
        for ending in (want, *ENDINGS):
            for candidate in (tail + ending, want if want.startswith(tail) else None):
                if candidate in texts:
                    return texts[candidate]
    bare = want
    for ending in ENDINGS[:5]:
        if want.endswith(ending) and len(want) > len(ending):
            bare = want[:-len(ending)]
            for other in ENDINGS:
                if bare + other in texts:
                    return texts[bare + other]
            if bare in texts:
                return texts[bare]
    for tail in tails:
        if tail in texts:
            return texts[tail]
    if allow_bare and bare in (want, "", *tails):
        for name in ("id", "arn", "name", "identifier", "resourcearn", "resourceid", "resourceidentifier", "resourcename", "resource"):
            if name in texts:
                return texts[name]
    return None


def required_ids(model, operation):
    """Path labels, else required members that look like ids."""
    shape = input_of(model, operation)
    members = shape.get("members", {})
    labels = [n for n, m in members.items() if m.get("location") == "uri" and is_text(model, m)]
    path = operation.get("http", {}).get("requestUri", "")
    labels.sort(key=lambda n: path.find("{" + members[n].get("locationName", n)))
    if labels:
        return labels
    required = [n for n in shape.get("required", ()) if n in members and is_text(model, members[n])]
    likely = [n for n in required if ID_LIKE.search(n) and norm(n) not in NO_ID]
    return likely or [n for n in required if norm(n) not in NO_ID]


def of_request(model, operation, noun, primary, create):
    """Members that together name the thing; [] where the request does not."""
    members = input_of(model, operation).get("members", {})
    texts = {norm(n): n for n, m in members.items() if is_text(model, m) and (norm(n) not in NO_ID or norm(n) in {norm(p) for p in primary})}
    found = [find_member(texts, noun, p, not create or len(primary) == 1) for p in primary]
    if found and all(found) and len(set(found)) == len(found):
        return found
    if create:
        own = [t for t in texts if any(t == tail + e for tail in endings_of(noun) for e in ENDINGS[:5]) or t in ("name", "identifier")]
        return [texts[own[0]]] if own else []
    required = required_ids(model, operation)
    if required:
        return required[:3]
    for tail in endings_of(noun):
        for ending in ENDINGS:
            if tail + ending in texts:
                return [texts[tail + ending]]
    inside = of_structure(model, members, noun)
    if inside:
        return inside
    likely = [texts[t] for t in texts if ID_LIKE.search(texts[t])]
    return likely[:1]


def of_structure(model, members, noun):
    """The id within the structure that is the thing: ConfigRule.ConfigRuleName"""
    for name, member in members.items():
        shape = model.shapes[member["shape"]]
        if shape["type"] == "list":
            shape = model.shapes[shape["member"]["shape"]]
        if shape["type"] != "structure":
            continue
        inner = {norm(n): n for n, m in shape.get("members", {}).items() if is_text(model, m) and norm(n) not in NO_ID}
        for tail in (*endings_of(noun), *endings_of(name)):
            for ending in ENDINGS[:5]:
                if tail + ending in inner:
                    return [f"{name}.{inner[tail + ending]}"]
        for bare in ("arn", "id", "name", "resourceid", "resourcearn"):
            if bare in inner:
                return [f"{name}.{inner[bare]}"]
    return []


def stems_of_ids(model, operation):
    """("ConfigRule", …): what the ids in a request are of, the innermost first."""
    members = input_of(model, operation).get("members", {})
    names = required_ids(model, operation) or [n for n, m in members.items() if ID_LIKE.search(n) and is_text(model, m) and norm(n) not in NO_ID]
    stems = [re.sub(r"(Ids?|Arns?|ARN|Names?|Identifiers?|Url|Key)$", "", n) for n in names]
    return [s[:1].upper() + s[1:] for s in reversed(stems) if len(s) > 2]


def of_answer(model, operation, noun, primary):
    """Paths in the answer, as it is written: those to ids of the noun, one level down at most. "@" first."""
    shape = operation.get("output")
    if not shape:
        return []
    protocol = model.protocols[0]
    if "query" in model.protocols:
        protocol = "query"
    top, found = model.shapes[shape["shape"]], []
    tails = endings_of(noun)
    wanted = ({norm(p) for p in primary} if len(primary) == 1 else set()) | {"arn", "id"}
    wanted |= {t + e for t in tails for e in ("id", "arn", "name", "identifier", "url")}

    def wire(name, member):
        return member.get("locationName", name)

    def visit(structure, path, own, depth):
        for name, member in structure.get("members", {}).items():
            if member.get("location"):
                continue
            target, step = model.shapes[member["shape"]], path + [wire(name, member)]
            inside = name == structure.get("payload")
            if inside:
                step = path
            here = norm(name)
            if target["type"] in ("string",) and (here in wanted and (own or here not in ("arn", "id", "name")) or (own and here in ("name", "identifier", "url"))):
                found.append(".".join(step))
            item = target
            if target["type"] == "list":
                item = model.shapes[target["member"]["shape"]]
                if protocol == "rest-xml" and not (target.get("flattened") or member.get("flattened")):
                    step = step + [target["member"].get("locationName", "member")]
            if item["type"] == "structure" and depth < 2:
                short = "".join(singular(w) for w in words(name))
                mine = any(short == t or short.endswith(t) or t.endswith(short) for t in tails[:2]) or inside or norm(item_name(target, member)) == norm(noun)
                if mine:
                    visit(item, step, True, depth + 1)

    def item_name(target, member):
        return target["member"]["shape"] if target["type"] == "list" else member["shape"]

    visit(top, [], not any(model.shapes[m["shape"]]["type"] == "structure" for m in top.get("members", {}).values()) or len(top.get("members", {})) > 3, 0)
    return ["@" + p for p in dict.fromkeys(found)][:4]


PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9]+)\}")


def arn_of(form, members, noun, create=False):
    """An ARN's form with our members in it; "" where it needs what the request does not say, or is of another kind of thing."""
    form = form.replace("${Partition}", "{$partition}").replace("${Region}", "{$region}").replace("${Account}", "{$account}")
    open_ones = PLACEHOLDER.findall(form)
    if not open_ones or len(open_ones) != len(members) or "*" in form or any(norm(m).endswith(("arn", "url")) for m in members):
        return ""
    used = {}
    for one in open_ones:
        stem = re.sub(r"(id|name|arn|identifier|withoutleadingslash|withpath)+$", "", norm(one))
        fits = [m for m in members if stem and (stem in norm(m) or bare(m) and bare(m) in stem)]
        if len(members) == 1 and not fits:
            literal = norm(form.rsplit("${", 1)[0].rsplit(":", 1)[-1])
            if stem and (stem in norm(noun) or norm(noun) in stem) or literal and literal.endswith(endings_of(noun)[-1]):
                fits = members
        if len(fits) != 1 or fits[0] in used.values():
            return ""
        if create and norm(fits[0]).endswith("name") and norm(one).endswith("id"):
            return ""  # the service makes the id
        used[one] = fits[0]
    return PLACEHOLDER.sub(lambda m: "{~%s}" % used[m.group(1)], form)


def bare(member):
    return re.sub(r"(id|name|arn|identifier)$", "", norm(member.rsplit(".", 1)[-1]))


def parents_first(members, noun):
    """A thing's own id behind those of what it is in."""
    tails = endings_of(noun)
    return sorted(members, key=lambda m: bare(m) in tails or norm(m) in ("id", "name", "arn"))
