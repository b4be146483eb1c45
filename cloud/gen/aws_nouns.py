"""Words in the names of operations, types and members: "ModifyDBInstance" → verb, noun; how alike two nouns are."""

import re

WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
# Longest first: "BatchCreate" before "Batch".
VERBS = """
    BatchCreate BatchDelete BatchUpdate BatchPut BatchAssociate BatchDisassociate BatchEnable BatchDisable BatchAdd BatchRemove
    AdminCreate AdminDelete AdminUpdate AdminSet AdminAdd AdminRemove AdminEnable AdminDisable
    Create Delete Update Modify Put Set Tag Untag Add Remove Attach Detach Associate Disassociate Authorize Revoke Register
    Deregister Enable Disable Run Start Stop Terminate Import Allocate Release Request Replace Reset Cancel Change Accept Reject
    Copy Publish Unpublish Restore Reboot Apply Assign Unassign Purchase Provision Deprovision Subscribe Unsubscribe Grant Schedule Rename Upload
    Install Uninstall Activate Deactivate Deploy Edit Configure Promote Increase Decrease Rotate Move Transfer Issue Archive
    Upgrade Confirm Send Execute Submit Invite Export Merge Generate Initiate Resume Suspend Pause Retry Rollback Migrate Failover
""".split()
CREATES = {"Create", "Run", "Allocate", "Import", "Register", "Request", "Copy", "Restore", "Purchase", "Provision", "Publish",
           "BatchCreate", "AdminCreate", "Subscribe", "Issue", "Upload", "Generate", "Initiate"}
REMOVES = {"Delete", "Terminate", "Release", "Deregister", "BatchDelete", "AdminDelete", "Unsubscribe", "Deprovision", "Uninstall"}
REPLACES = {"Put", "Replace", "BatchPut", "Apply"}
DELTAS = {"Add", "Remove", "Attach", "Detach", "Associate", "Disassociate", "Authorize", "Revoke", "Tag", "Untag", "Grant", "Assign",
          "Unassign", "BatchAssociate", "BatchDisassociate", "BatchAdd", "BatchRemove", "AdminAdd", "AdminRemove", "Change"}


def words(name):
    return [w.lower() for w in WORD.findall(name)]


def norm(name):
    return re.sub(r"[^a-z0-9]", "", name.lower())


def singular(word):
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if re.search(r"(ss|x|ch|sh|zz)es$", word):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not re.search(r"(ss|us|is)$", word) else word


def split_verb(operation):
    """("Modify", "DBInstance"); the verb is "" where it is none that the list knows."""
    found = max((v for v in VERBS if re.match(v + r"(?![a-z])", operation)), key=len, default="")
    noun = operation[len(found):]
    for ending in ("Batch", "V2", "Attribute", "Attributes"):
        if noun.endswith(ending) and len(noun) > len(ending) and found in ("Modify", "Set", "Update", "Reset", "Create", "Delete"):
            noun = noun[:-len(ending)]
    return found, noun


def semantics(operation):
    verb, noun = split_verb(operation)
    if verb in ("Create", "Delete") and noun in ("Tags", "Tag"):
        return "delta"
    if verb in REMOVES:
        return "remove"
    if verb in CREATES:
        return "create"
    if verb in REPLACES:
        return "replace"
    return "delta" if verb in DELTAS else "merge"


def alike(noun, other):
    """0 … 1: how much of two nouns' words is the same, last words first, since they say what a thing is."""
    if not noun or not other:
        return 0.0
    a, b = [singular(w) for w in words(noun)], [singular(w) for w in words(other)]
    if "".join(a) == "".join(b):
        return 1.0
    joined, shorter = "".join(a), "".join(b)
    if joined.startswith(shorter) or joined.endswith(shorter):
        return 0.45 + 0.5 * len(shorter) / len(joined)
    if shorter.endswith(joined) or shorter.startswith(joined):
        return 0.35 + 0.5 * len(joined) / len(shorter)
    common = len(set(a) & set(b))
    return 0.7 * common / max(len(a), len(b))
