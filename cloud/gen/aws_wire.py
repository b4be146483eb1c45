"""How members are called on the wire, and which of them are secret or binary.

Rules of names: botocore/serialize.py (QuerySerializer, EC2Serializer, BaseRestSerializer). A row tells what the wire's own look
does not: another name than the member's, a list's item name, a map's entry names.
"""

import collections


def capitalised(name):
    return name[:1].upper() + name[1:]


def form_name(protocol, model, name, member):
    """(wire name, kind, item, key, value) of a member in a query or ec2 form."""
    target = model.shapes[member["shape"]]
    location = member.get("locationName")
    if protocol == "ec2":
        wire = member.get("queryName") or (capitalised(location) if location else name)
        return wire, "list" if target["type"] == "list" else "", "", "", ""
    wire = location or name
    if target["type"] == "list":
        item = target["member"].get("locationName")
        if target.get("flattened") or member.get("flattened"):
            return item or wire, "list", "", "", ""
        return wire, "items", item or "member", "", ""
    if target["type"] == "map":
        flat = target.get("flattened") or member.get("flattened")
        return wire, "map" if flat else "entries", "" if flat else "entry", *entry_names(target)
    return wire, "", "", "", ""


def entry_names(target):
    return target["key"].get("locationName", "key"), target["value"].get("locationName", "value")


def xml_name(model, name, member):
    target = model.shapes[member["shape"]]
    wire = member.get("locationName", name)
    if target["type"] == "list":
        flat = target.get("flattened") or member.get("flattened")
        return (wire, "list", "", "", "") if flat else (wire, "items", target["member"].get("locationName", "member"), "", "")
    if target["type"] == "map":
        flat = target.get("flattened") or member.get("flattened")
        return wire, "map" if flat else "entries", "" if flat else "entry", *entry_names(target)
    return wire, "", "", "", ""


def names_of(protocol, model, name, member):
    location, wire = member.get("location"), member.get("locationName", name)
    if protocol.startswith("rest") and location == "headers":
        return wire.lower(), "prefix", "", "", ""
    if protocol.startswith("rest") and location == "header":
        return wire.lower(), "header", "", "", ""
    if protocol.startswith("rest") and location:
        return wire, "", "", "", ""
    if protocol in ("query", "ec2"):
        return form_name(protocol, model, name, member)
    if protocol == "rest-xml":
        return xml_name(model, name, member)
    # Keys of a map are the user's: no member's name, whatever they look like.
    free = model.shapes[member["shape"]]["type"] == "map"
    return (wire if protocol == "rest-json" else name), "free" if free and protocol == "rest-json" else "", "", "", ""


def says_something(wire, name, kind, item, key, value):
    """Whether a decoder that looks only at the wire would get it wrong."""
    if wire != name or kind == "header":
        return True
    if kind in ("list", ""):
        return False
    if kind == "free":
        return True
    if kind == "items":
        return item != "member"
    return (key, value) != ("key", "value") or kind == "map"


def collect(models):
    """service → wire name and sort of value → Counter of rows; and (service, operation) → the same of its own input."""
    services, operations = (collections.defaultdict(lambda: collections.defaultdict(collections.Counter)) for _ in range(2))
    for model in models:
        tops = collections.defaultdict(list)
        for operation, one in model.operations.items():
            if "input" in one:
                tops[one["input"]["shape"]].append(operation)
        for protocol in model.protocols:
            for shape_name, shape in model.structures_of_input():
                for name, member in shape.get("members", {}).items():
                    wire, *kind = names_of(protocol, model, name, member)
                    listed = kind[0] in ("list", "items", "map", "entries")
                    # XML does not show whether one element is a list of one.
                    slot = (wire, protocol == "rest-xml" or listed, kind[0] in ("header", "prefix"))
                    row = (name, *kind)
                    services[model.service][slot][row] += 1
                    for operation in tops.get(shape_name, ()):
                        operations[model.service, operation][slot][row] += 1
    return services, operations


def tables(models):
    services, operations = collect(models)
    rows, chosen = [], {}
    for service, slots in services.items():
        for slot, counter in slots.items():
            row = max(sorted(counter), key=lambda r: counter[r])
            chosen[service, slot] = row
            if says_something(slot[0], *row):
                rows.append([service, "", slot[0], *row])
    # Only what an operation's own members are called differently from what its service mostly calls them.
    for (service, operation), slots in operations.items():
        for slot, counter in slots.items():
            row = max(sorted(counter), key=lambda r: counter[r])
            if chosen[service, slot] != row:
                rows.append([service, operation, slot[0], *row])
    return sorted(map(list, {tuple(r) for r in rows})), secrets(models)


def places_of(model):
    """Structure → names under which it stands: of the members that lead to it, through lists and maps, or of operations."""
    places = collections.defaultdict(set)
    for operation, one in model.operations.items():
        if "input" in one:
            places[one["input"]["shape"]].add(operation)
    for _, shape in model.structures_of_input():
        for name, member in shape.get("members", {}).items():
            waiting, seen = [member["shape"]], set()
            while waiting:
                target = waiting.pop()
                if target in seen:
                    continue
                seen.add(target)
                if model.shapes[target]["type"] == "structure":
                    places[target].add(name)
                waiting += [model.shapes[target][k]["shape"] for k in ("member", "value") if k in model.shapes[target]]
    return places


def secrets(models):
    """Members whose value, or that of a list or map of them, is sensitive by the model's trait; and binary ones, which are data of
    users. A name that is so everywhere in its service stands alone, others behind the name of what they are in."""
    where, marked = (collections.defaultdict(lambda: collections.defaultdict(set)) for _ in range(2))
    for model in models:
        places = places_of(model)
        for structure, shape in model.structures_of_input():
            for name, member in shape.get("members", {}).items():
                target = model.shapes[member["shape"]]
                inner = [target] + [model.shapes[target[k]["shape"]] for k in ("member", "value") if k in target]
                where[model.service][name] |= places[structure]
                for kind in ("sensitive", "blob"):
                    if any(t.get("sensitive") if kind == "sensitive" else t["type"] == "blob" for t in inner):
                        marked[model.service][kind, name] |= places[structure]
    rows = []
    for service in sorted(marked):
        cells = {"sensitive": set(), "blob": set()}
        for (kind, name), places in marked[service].items():
            everywhere = places == where[service][name]
            cells[kind] |= {name} if everywhere else {f"{place}.{name}" for place in places}
        rows.append([service, ",".join(sorted(cells["sensitive"])), ",".join(sorted(cells["blob"]))])
    return rows
