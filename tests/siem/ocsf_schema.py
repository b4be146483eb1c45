"""Checks OCSF findings against the schema itself (tests/fixtures/ocsf), strictly: what it does not know is a mistake."""

import json
import pathlib
import re

SCHEMA = json.loads((pathlib.Path(__file__).resolve().parents[1] / "fixtures/ocsf/detection_finding.json").read_text())
WHOLE = {"integer_t", "long_t", "timestamp_t", "port_t"}
PATTERNS = {
    "uuid_t": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "datetime_t": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
    "hostname_t": r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?",
}


def check_value(value, attribute, at, profiles):
    if "object" in attribute:
        name = attribute["object"]
        if not isinstance(value, dict):
            yield f"{at}: is no object"
        elif name != "object":  # `object` is any
            yield from check_unit(value, SCHEMA["objects"][name], at, profiles)
        return
    kind = attribute["type"]
    if kind == "boolean_t":
        fine = isinstance(value, bool)
    elif kind in WHOLE:
        fine = isinstance(value, int) and not isinstance(value, bool)
    elif kind == "float_t":
        fine = isinstance(value, (int, float)) and not isinstance(value, bool)
    elif kind == "json_t":
        fine = True
    else:
        fine = isinstance(value, str) and re.fullmatch(PATTERNS.get(kind, "(?s).*"), value) is not None
    if not fine:
        yield f"{at}: {value!r} is no {kind}"
    if kind == "timestamp_t" and fine and not 10**12 < value < 10**13:
        yield f"{at}: {value} are no milliseconds of our time"
    words = attribute.get("words")
    if words and str(value) not in words:
        yield f"{at}: {value!r} is none of {sorted(words)}"


def check_unit(unit, schema, at, profiles):
    known = schema["attributes"]
    for key, value in unit.items():
        attribute = known.get(key)
        place = f"{at}.{key}"
        if attribute is None:
            yield f"{place}: the schema has no such attribute"
            continue
        if attribute.get("profile") and attribute["profile"] not in profiles:
            yield f"{place}: is of profile {attribute['profile']}, which metadata.profiles does not name"
        if attribute.get("deprecated"):
            yield f"{place}: is deprecated"
        if attribute.get("list"):
            if not isinstance(value, list):
                yield f"{place}: is no list"
                continue
            for index, item in enumerate(value):
                yield from check_value(item, attribute, f"{place}[{index}]", profiles)
        else:
            yield from check_value(value, attribute, place, profiles)
        # The caption beside a number must be that number's.
        words = known.get(f"{key}_id", known.get(f"{key.removesuffix('_name')}_id", {})).get("words")
        number = unit.get(f"{key}_id", unit.get(f"{key.removesuffix('_name')}_id"))
        if words and number is not None and number != 99 and isinstance(value, str) and words.get(str(number)) != value:
            yield f"{place}: {value!r} is not the caption of {number}"
    for key, attribute in known.items():
        needed = attribute.get("required") and (not attribute.get("profile") or attribute["profile"] in profiles)
        if needed and key not in unit:
            yield f"{at}.{key}: is required"
    for rule, names in schema.get("constraints", {}).items():
        count = sum(name in unit for name in names)
        if rule == "at_least_one" and count == 0 or rule == "just_one" and count != 1:
            yield f"{at}: {rule} of {names}"


def complaints(finding):
    """What is wrong with one finding, a line each."""
    profiles = finding.get("metadata", {}).get("profiles", [])
    yield from check_unit(finding, SCHEMA["class"], "", profiles)
    if finding.get("type_uid") != finding.get("class_uid", 0) * 100 + finding.get("activity_id", 0):
        yield "type_uid: is not class_uid * 100 + activity_id"
    if finding.get("class_uid") != 2004 or finding.get("metadata", {}).get("version") != SCHEMA["version"]:
        yield "is no Detection Finding of " + SCHEMA["version"]
    for observable in finding.get("observables", []):
        if not values_at(finding, observable["name"].split(".")) & {observable.get("value")}:
            yield f"observables: {observable['name']} does not hold {observable.get('value')!r}"


def values_at(part, path):
    if not path:
        return {part} if isinstance(part, (str, int)) else set()
    name = path[0].removesuffix("[]")
    if not isinstance(part, dict) or name not in part:
        return set()
    inner = part[name] if path[0].endswith("[]") else [part[name]]
    return set().union(*(values_at(one, path[1:]) for one in inner), set())
