"""Records what Ansible manages, one JSON file a host, as a baseline for Plumbline. README.md beside this folder tells how.

Holds digests, never content. Of a task under no_log, or whose source is encrypted by ansible-vault, it holds the path and
whether it is there, and nothing else. A task in check mode, skipped or failed records nothing.

What a digest rests on: Ansible's results carry SHA-1 only, and Plumbline compares SHA-256. So the plugin looks for the very
bytes that have that SHA-1: the file itself where it is on this machine, the task's `content`, the source of a copy, the new
text of a diff. Where nobody here has the bytes (a template on another machine), the record keeps the SHA-1 and says why.
"""

from __future__ import annotations

import atexit
import fcntl
import grp
import hashlib
import json
import os
import pwd
import re
import stat
import time
import typing
import urllib.parse
import uuid

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: plumbline
type: notification
short_description: records managed files as a baseline for Plumbline
description:
  - Writes for each host which files Ansible manages, with digest, mode, owner and group, and which task said so.
  - Never writes content; of tasks under no_log nothing but the path.
requirements:
  - callbacks_enabled = plumbline
options:
  directory:
    description: Folder of the records, HOST.json each. Made with mode 0700 where it is missing.
    default: /var/lib/plumbline/ansible
    type: path
    env: [{name: PLUMBLINE_ANSIBLE_DIRECTORY}]
    ini: [{section: callback_plumbline, key: directory}]
  modules:
    description: Full names of more modules that change a part of the file at their argument `path` or `dest`.
    default: []
    type: list
    elements: str
    env: [{name: PLUMBLINE_ANSIBLE_MODULES}]
    ini: [{section: callback_plumbline, key: modules}]
  run_id:
    description: Name of this run; one is made up where there is none.
    default: ""
    type: str
    env: [{name: PLUMBLINE_RUN_ID}]
    ini: [{section: callback_plumbline, key: run_id}]
"""

OURS = "/var/lib/plumbline/"  # the records themselves, when a play copies them to their node
FLUSH_SECONDS = 1.0           # between two writes of the records during a run, and at least 20 times what one takes


class Module(typing.NamedTuple):
    """`kind`: what the task says of the file: all of its "content", a "part" of it, only its "attributes"."""

    kind: str
    path: typing.Any  # names of the arguments that may be the path, or a function from the arguments to it


MODULES = {
    "ansible.builtin.assemble": Module("content", ("dest",)),
    "ansible.builtin.copy": Module("content", ("dest",)),
    "ansible.builtin.get_url": Module("content", ("dest",)),
    "ansible.builtin.template": Module("content", ("dest",)),
    "ansible.builtin.file": Module("attributes", ("path", "dest", "name")),
    "ansible.builtin.blockinfile": Module("part", ("path", "dest", "destfile", "name")),
    "ansible.builtin.cron": Module("part", lambda a: a.get("cron_file") and os.path.join("/etc/cron.d", a["cron_file"])),
    "ansible.builtin.deb822_repository": Module("part", ()),
    "ansible.builtin.known_hosts": Module("part", ("path",)),
    "ansible.builtin.lineinfile": Module("part", ("path", "dest", "destfile", "name")),
    "ansible.builtin.replace": Module("part", ("path", "dest", "destfile", "name")),
    "ansible.builtin.unarchive": Module("archive", ("dest",)),
    "ansible.builtin.uri": Module("part", ("dest",)),
    "ansible.builtin.yum_repository": Module("part", lambda a: os.path.join(
        a.get("reposdir") or "/etc/yum.repos.d", "%s.repo" % (a.get("file") or a.get("name")))),
    "ansible.posix.sysctl": Module("part", lambda a: a.get("sysctl_file") or "/etc/sysctl.conf"),
    "community.general.ini_file": Module("part", ("path", "dest")),
    "community.general.xml": Module("part", ("path", "dest", "file")),
}


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def text_of(path):
    """A path as Plumbline writes it: bytes that are not UTF-8 as \\xNN (include/wire/text.hpp)."""
    bytes_of = os.fsencode(path).replace(b"\\x", b"\\x5Cx")
    return re.sub("[\udc80-\udcff]", lambda m: "\\x%02X" % (ord(m[0]) - 0xDC00), bytes_of.decode("utf-8", "surrogateescape"))


def octal(mode):
    """The permission bits as four digits; None for what is no number (u=rw, preserve)."""
    if isinstance(mode, bool) or mode is None:
        return None
    if isinstance(mode, int):
        return "%04o" % (mode & 0o7777)
    return "%04o" % (int(mode, 8) & 0o7777) if re.fullmatch(r"0?o?[0-7]{1,5}", str(mode)) else None


def is_true(value):
    return str(value).lower() in ("true", "yes", "on", "1", "y", "t")


def digests_of(path):
    """SHA-256 and SHA-1 of a regular file; None where it cannot be read."""
    both = hashlib.sha256(), hashlib.sha1()
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        with open(path, "rb") as file:
            while chunk := file.read(1 << 20):
                for one in both:
                    one.update(chunk)
    except OSError:
        return None
    return {"sha256": both[0].hexdigest(), "sha1": both[1].hexdigest()}


def digests_of_bytes(content):
    return {"sha256": hashlib.sha256(content).hexdigest(), "sha1": hashlib.sha1(content).hexdigest()}


def is_vaulted(path):
    try:
        with open(path, "rb") as file:
            return file.read(14) == b"$ANSIBLE_VAULT"
    except OSError:
        return False


class Task:
    """A finished task (or item of its loop) on one host, the same for every version of ansible-core since 2.12."""

    def __init__(self, result):
        def part(name):  # public since 2.19, with an underscore before
            return getattr(result, name) if hasattr(type(result), name) else getattr(result, "_" + name)

        self.host, self.task, self.fields, self.result = part("host"), part("task"), part("task_fields"), part("result")
        self.name = str(getattr(result, "task_name", "") or "")
        self.args = self.fields.get("args") or {}
        name = str(getattr(self.task, "resolved_action", None) or self.task.action)
        name = name.replace("ansible.legacy.", "ansible.builtin.")
        self.module = name if "." in name else "ansible.builtin." + name
        # With changed_when, the result tells what somebody wants to hear.
        self.changed = bool(self.result.get("changed")) or bool(self.fields.get("changed_when"))
        self.no_log = bool(self.fields.get("no_log") or self.result.get("_ansible_no_log") or "censored" in self.result)
        self.check_mode = bool(self.fields.get("check_mode"))
        self.target = str(self.fields.get("delegate_to") or self.host.get_name())

    def argument(self, name):
        """As the module itself took it (paths expanded) where the result tells, else as the task gives it."""
        invocation = self.result.get("invocation")
        used = invocation.get("module_args") if isinstance(invocation, dict) else None
        value = used.get(name) if isinstance(used, dict) else None
        return self.args.get(name) if value is None else value

    def is_local(self, play):
        """Whether the task ran on this machine, with the executor's own rule (TaskExecutor._execute)."""
        if self.fields.get("delegate_to"):
            connection = (self.result.get("_ansible_delegated_vars") or {}).get("ansible_connection")
            if connection is None and self.target in ("localhost", "127.0.0.1", "::1"):
                connection = "local"
        else:
            variables = play.get_variable_manager().get_vars(play=play, host=self.host, task=self.task)
            connection = variables.get("ansible_connection")
        return str(connection or self.fields.get("connection")) in ("local", "ansible.builtin.local")

    def source(self):
        """The file on the controller that is copied or rendered; None where there is none."""
        folder = {"ansible.builtin.copy": "files", "ansible.builtin.template": "templates"}.get(self.module)
        name = self.args.get("src")
        if not folder or not name or is_true(self.args.get("remote_src")):
            return None
        try:
            return self.task._loader.path_dwim_relative_stack(self.task.get_search_path(), folder, str(name))
        except Exception:  # not found: the module found it elsewhere, or it is gone since
            return None


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "plumbline"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.play = None
        self.playbook = ""
        self.items = {}      # of loops, from Ansible's results thread, until their task is through
        self.records = {}    # host → path → entry
        self.left_out = {}   # host → path → why
        self.touched = {}    # host → paths that differ from the file
        self.next_flush = 0.0
        self.warned = set()
        self.pid = os.getpid()
        self.started_at = now()
        atexit.register(self.at_exit)  # a run that is interrupted sends no statistics

    def set_options(self, *arguments, **named):
        super().set_options(*arguments, **named)
        self.directory = str(self.get_option("directory"))
        self.run = str(self.get_option("run_id") or uuid.uuid4())
        self.modules = dict(MODULES)
        for name in self.get_option("modules") or []:
            self.modules.setdefault(str(name), Module("part", ("path", "dest")))

    # Ansible's events.

    def v2_playbook_on_start(self, playbook):
        self.playbook = os.path.basename(str(getattr(playbook, "_file_name", "")))

    def v2_playbook_on_play_start(self, play):
        self.play = play
        self.flush_sometimes()

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.flush_sometimes()

    def v2_playbook_on_handler_task_start(self, task):
        self.flush_sometimes()

    def v2_runner_item_on_ok(self, result):
        task = Task(result)
        self.items.setdefault((task.host.get_name(), task.task._uuid), []).append(task)

    def v2_runner_on_ok(self, result):
        self.take(result, ended_well=True)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.take(result, ended_well=False)

    def v2_runner_on_skipped(self, result):
        self.take(result, ended_well=False)

    def v2_runner_on_unreachable(self, result):
        self.take(result, ended_well=False)

    def v2_playbook_on_stats(self, stats):
        self.flush()

    def at_exit(self):
        if os.getpid() == self.pid:  # not in Ansible's workers, which are forks
            self.flush()

    # From a task to entries.

    def take(self, result, ended_well):
        """The items of a loop count one by one, as far as they went well; then the task itself, unless it was a loop."""
        whole = Task(result)
        items = self.items.pop((whole.host.get_name(), whole.task._uuid), [])
        is_loop = bool(items) or whole.task.loop is not None or bool(whole.task.loop_with)
        for task in items or ([whole] if ended_well and not is_loop else []):
            self.record(task)

    def record(self, task):
        if task.check_mode:
            return
        if task.module == "ansible.builtin.stat":
            return self.take_stat(task)
        module = self.modules.get(task.module)
        if module is None:
            return
        folder = task.source() if task.module == "ansible.builtin.copy" else None
        folder = folder if folder and os.path.isdir(folder) else None
        # Of a folder, the result tells what was done last.
        path = str(task.args.get("dest")) if folder and not task.no_log else self.path_of(task, module)
        if path is None:
            return
        if not path.startswith("/"):
            return self.leave_out(task, path, "no absolute path: it depends on the user and the folder of the task")
        path = os.path.normpath(path)
        if path.startswith("//"):
            path = path[1:]
        if path.startswith(OURS):
            return
        if task.result.get("ansible_job_id") and not task.result.get("finished"):
            return self.leave_out(task, path, "an async task that was not waited for: its result is not known")
        if task.no_log:
            return self.put(task, path, self.hidden(task, module))
        if module.kind == "archive":
            return self.take_archive(task, path)
        if folder:
            return self.take_folder(task, path, folder)
        self.take_file(task, module, path)

    def path_of(self, task, module):
        """The path that the module reports, else the one that the task names; None where it writes no file."""
        if callable(module.path):
            return module.path(task.args) or None
        path = next((str(task.argument(name)) for name in module.path if task.argument(name)), None)
        if path is None and module.path:
            return None
        if not task.no_log:
            return next((task.result[name] for name in ("path", "dest") if isinstance(task.result.get(name), str)), path)
        if path is None:
            return None
        if task.no_log and path.endswith("/") and task.args.get("src") and task.module != "ansible.builtin.file":
            path += os.path.basename(str(task.args["src"]))
        return path

    def hidden(self, task, module):
        """Whether the path is there is all that is told of it, or a file that is gone would be missed for ever."""
        gone = module.kind == "attributes" and task.args.get("state") == "absent"
        return {"state": "absent" if gone else "present", "sensitive": True}

    def take_file(self, task, module, path):
        result = task.result
        state = "file"
        if module.kind == "attributes":
            state = str(result.get("state") or task.args.get("state") or "file")
        elif result.get("state") in ("link", "directory"):
            state = result["state"]
        if state in ("hard", "touch"):
            state = "file"
        if state == "absent":
            return self.put(task, path, {"state": "absent"})
        if module.kind == "part" and not task.changed and task.args.get("state") == "absent":
            return  # nothing of the kind was in it: that says nothing of the file
        if "failed_when_result" in result and module.kind != "part" and "state" not in result:
            return self.leave_out(task, path, "with failed_when, whether the module did its work is not known")
        local = task.is_local(self.play)
        if local and not os.path.lexists(path):
            return self.put(task, path, {"state": "absent"}) if task.changed else None
        if is_vaulted(task.source() or "") and is_true(task.args.get("decrypt", True)):
            return self.put(task, path, {"state": "present", "sensitive": True})
        if module.kind != "attributes" and (os.path.islink(path) if local else state == "link"):
            if not local:
                why = "a symlink on another machine was followed"
                return self.put(task, path, {"state": "present", "why_no_sha256": why})
            path, state = os.path.realpath(path), "file"
        entry, old = {"state": state}, self.record_of(task).get(text_of(path))
        self.add_attributes(task, entry, path, local)
        if state == "link":
            target = os.readlink(path) if local and os.path.islink(path) else result.get("src")
            if isinstance(target, str):
                entry["link_target"] = text_of(target)
        elif state == "file" and module.kind != "attributes":
            self.add_digest(task, module, entry, path, local, old)
        if state == "directory" and (is_true(task.args.get("recurse")) or module.kind != "attributes"):
            self.leave_out(task, path + "/", "what lies below it was changed too, and the result does not tell what")
        self.put(task, path, self.merged(task, module, entry, old))

    def add_attributes(self, task, entry, path, local):
        """From the result, which tells what is there after the task; else from the file itself, else from the task."""
        found = {}
        if local:
            try:
                status = os.lstat(path)
                found["mode"] = "%04o" % stat.S_IMODE(status.st_mode)
                found["owner"], found["group"] = str(status.st_uid), str(status.st_gid)
                found["owner"] = pwd.getpwuid(status.st_uid).pw_name
                found["group"] = grp.getgrgid(status.st_gid).gr_name
            except (OSError, KeyError):
                pass
        for name in ("mode", "owner", "group"):
            value = task.result.get(name)
            if value is None:
                value = found.get(name, task.args.get(name))
            if name == "mode":
                value = octal(value)
            if value is not None:
                entry[name] = str(value)
        if entry["state"] == "link":
            entry.pop("mode", None)  # a symlink's own mode says nothing

    def add_digest(self, task, module, entry, path, local, old):
        if module.kind == "part":
            if not task.changed and old and old.get("checksums"):
                return  # the rest of the file is not Ansible's to vouch for
            found = digests_of(path) if local else None
            if found:
                entry["checksums"] = found
            else:
                entry["why_no_sha256"] = "changed in part, and the plugin cannot read it there"
            return
        declared = re.fullmatch("sha256:([0-9a-f]{64})", str(task.args.get("checksum", "")).lower())
        sha1 = task.result.get("checksum") or task.result.get("checksum_src")
        if declared and task.module == "ansible.builtin.get_url":
            entry["checksums"] = {"sha256": declared[1]}  # get_url ends in failure where the file has another
        elif isinstance(sha1, str) and re.fullmatch("[0-9a-f]{40}", sha1):
            entry["checksums"] = {"sha1": sha1}
            for found in self.candidates(task, path, local):
                if found and found["sha1"] == sha1:
                    entry["checksums"] = found
                    return
            entry["why_no_sha256"] = "Ansible tells its SHA-1 only, and nothing that the plugin can read has it"
        else:
            entry["why_no_sha256"] = "the result of the module has no checksum"

    def candidates(self, task, path, local):
        """Digests of whatever may be the content; the SHA-1 of the result decides."""
        if local:
            yield digests_of(path)
        content = task.args.get("content")
        if content is not None:
            content = json.dumps(content) if isinstance(content, (dict, list)) else str(content)
            yield digests_of_bytes(content.encode("utf-8", "surrogateescape"))
        source = task.source()
        if source and task.module == "ansible.builtin.copy":
            yield digests_of(source)
        for diff in task.result.get("diff") if isinstance(task.result.get("diff"), list) else []:
            if isinstance(diff, dict) and isinstance(diff.get("after"), str):
                yield digests_of_bytes(diff["after"].encode("utf-8", "surrogateescape"))

    def merged(self, task, module, entry, old):
        """A task vouches for what it declares and for what it has just written. The rest of an unchanged file may have
        drifted before the task looked at it: there the earlier record holds."""
        if old and old.get("sensitive") and old["state"] != "absent" and module.kind != "content":
            # What is in the file is still the secret.
            entry["sensitive"] = True
            for name in ("checksums", "why_no_sha256"):
                entry.pop(name, None)
            return entry
        if not old or old.get("state") != entry["state"]:
            return entry
        for name in ("mode", "owner", "group"):
            if not task.changed and task.args.get(name) is None and name in old:
                entry[name] = old[name]
        before, after = old.get("checksums"), entry.get("checksums")
        same = before and after and before.get("sha1") == after.get("sha1") and "sha256" not in after
        if before and (same or (not after and (module.kind == "attributes" or not task.changed))):
            entry["checksums"] = before
            entry.pop("why_no_sha256", None)
            if "sha256" not in before and "why_no_sha256" in old:
                entry["why_no_sha256"] = old["why_no_sha256"]
        return entry

    def take_folder(self, task, path, source):
        """A folder that was copied: its files as they are on the controller. The result names none of them."""
        base = path if str(task.args["src"]).endswith("/") else os.path.join(path, os.path.basename(source))
        for folder, _, names in os.walk(source, followlinks=is_true(task.args.get("local_follow", True))):
            for name in names:
                here = os.path.join(folder, name)
                there = os.path.join(base, os.path.relpath(here, source))
                if os.path.islink(here) and not is_true(task.args.get("local_follow", True)):
                    self.put(task, there, {"state": "link", "link_target": text_of(os.readlink(here))})
                    continue
                entry = {"state": "file"}
                if is_vaulted(here) and is_true(task.args.get("decrypt", True)):
                    entry = {"state": "present", "sensitive": True}
                else:
                    for attribute in ("mode", "owner", "group"):
                        value = octal(task.args.get("mode")) if attribute == "mode" else task.args.get(attribute)
                        if value is not None:
                            entry[attribute] = str(value)
                    entry.update({"checksums": found} if (found := digests_of(here)) else
                                 {"why_no_sha256": "its source cannot be read"})
                self.put(task, there, entry)

    def take_archive(self, task, path):
        """unarchive tells the names that it wrote only with list_files, and never a digest."""
        names = task.result.get("files")
        if not isinstance(names, list):
            return self.leave_out(task, path + "/", "unarchive does not tell what it wrote: set list_files")
        local = task.is_local(self.play)
        for name in names:
            there = os.path.normpath(os.path.join(path, str(name)))
            if str(name).endswith("/") or (local and not os.path.isfile(there)):
                continue
            old = self.record_of(task).get(text_of(there))
            entry = {"state": "file"}
            if local:
                mine = Module("part", ())
                if os.path.islink(there):
                    entry = {"state": "link", "link_target": text_of(os.readlink(there))}
                else:
                    self.add_digest(task, mine, entry, there, local, old)
                self.put(task, there, self.merged(task, mine, entry, old))
            elif not old or task.changed:
                entry["why_no_sha256"] = "out of an archive on another machine"
                self.put(task, there, entry)

    def take_stat(self, task):
        """A `stat` with checksum_algorithm: sha256 gives what a result of this same run left open."""
        found = task.result.get("stat")
        if task.no_log or not isinstance(found, dict) or task.argument("checksum_algorithm") not in ("sha256",):
            return
        path, digest = str(found.get("path", "")), str(found.get("checksum", ""))
        entry = self.record_of(task).get(text_of(os.path.normpath(path))) if path else None
        if entry and entry["state"] == "file" and not entry.get("sensitive") and entry.get("run") == self.run \
                and "sha256" not in entry.get("checksums", {}) and re.fullmatch("[0-9a-f]{64}", digest):
            entry["checksums"] = {**entry.get("checksums", {}), "sha256": digest}
            entry.pop("why_no_sha256", None)
            self.touched[task.target].add(text_of(os.path.normpath(path)))

    # Records.

    def put(self, task, path, entry):
        record = self.record_of(task)
        name = text_of(path)
        entry.update(path=name, run=self.run, time=now(), module=task.module)
        if not task.no_log:
            role = getattr(task.task, "_role", None)
            entry.update(playbook=self.playbook, play=str(self.play.get_name() if self.play else ""), task=task.name)
            if role is not None:
                entry["role"] = str(role.get_name())
        if entry["state"] == "absent":  # and so is what lay below
            for below in [other for other in record if other.startswith(name + "/")]:
                del record[below]
                self.touched[task.target].add(below)
        record[name] = entry
        self.left_out[task.target].pop(name, None)
        self.touched[task.target].add(name)

    def leave_out(self, task, path, why):
        self.record_of(task)
        self.left_out[task.target][text_of(path)] = why
        self.touched[task.target].add(text_of(path))

    def record_of(self, task):
        host = task.target
        if host not in self.records:
            self.records[host], self.left_out[host], self.touched[host] = {}, {}, set()
            try:
                self.records[host], self.left_out[host] = self.load(host)
            except (OSError, ValueError) as error:
                self.warn("cannot read %s: %s" % (self.file_of(host), error))
        return self.records[host]

    def file_of(self, host):
        """One name in the folder, whatever the inventory calls its hosts."""
        return os.path.join(self.directory, urllib.parse.quote(host, safe="") + ".json")

    def load(self, host):
        try:
            with open(self.file_of(host), encoding="utf-8") as file:
                record = json.load(file)
        except FileNotFoundError:
            return {}, {}
        if not isinstance(record, dict) or record.get("format") != "plumbline-ansible" or record.get("version") != 1:
            raise ValueError("not a record of this version: move it away")
        return ({entry["path"]: entry for entry in record["files"]},
                {entry["path"]: entry["why"] for entry in record["left_out"]})

    def flush_sometimes(self):
        if time.monotonic() >= self.next_flush:
            self.flush()

    def flush(self):
        started = time.monotonic()
        for host, paths in self.touched.items():
            if not paths:
                continue
            try:
                self.save(host, paths)
                paths.clear()
            except (OSError, ValueError, KeyError, TypeError) as error:
                self.warn("cannot write %s: %s" % (self.file_of(host), error))
        self.next_flush = time.monotonic() + max(FLUSH_SECONDS, 20 * (time.monotonic() - started))

    def save(self, host, paths):
        """Puts what this run learnt into what other runs may have written meanwhile; whole or not at all."""
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        with open(os.path.join(self.directory, ".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            files, left_out = self.load(host)
            for path in paths:
                for ours, theirs in ((self.records[host], files), (self.left_out[host], left_out)):
                    theirs.pop(path, None)
                    if path in ours:
                        theirs[path] = ours[path]
            record = {
                "format": "plumbline-ansible", "version": 1, "host": host,
                "run": {"id": self.run, "playbook": self.playbook, "started_at": self.started_at, "updated_at": now()},
                "files": [files[path] for path in sorted(files)],
                "left_out": [{"path": path, "why": left_out[path]} for path in sorted(left_out)],
            }
            beside = self.file_of(host) + ".new"
            with open(beside, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                json.dump(record, file, indent=1, sort_keys=True)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self.file_of(host))
            self.records[host], self.left_out[host] = files, left_out

    def warn(self, what):
        if what not in self.warned:
            self.warned.add(what)
            self._display.warning("plumbline: " + what)
