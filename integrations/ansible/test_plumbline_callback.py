#!/usr/bin/env python3
"""Runs real playbooks in a temporary folder and reads what the callback plugin recorded.

    test_plumbline_callback.py [-v] [TestCase.test_name…]

Needs ansible-playbook (ANSIBLE_PLAYBOOK names another than the one in the PATH); ends with 77 where there is none.
"""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ANSIBLE = os.environ.get("ANSIBLE_PLAYBOOK") or shutil.which("ansible-playbook")
CANARY = "canary-5a1f"

# The local connection under another name: to the plugin it is another machine, whose files it must not read.
ELSEWHERE = """
from ansible.plugins.connection.local import Connection as Local
DOCUMENTATION = '''
name: elsewhere
short_description: another machine
description: [the local connection under another name]
extends_documentation_fragment: [connection_pipelining]
'''
class Connection(Local):
    transport = "elsewhere"
"""


def sha(name, content):
    return hashlib.new(name, content.encode() if isinstance(content, str) else content).hexdigest()


class Playbooks(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="plumbline-ansible-")
        self.addCleanup(temporary.cleanup)
        self.dir = pathlib.Path(temporary.name)
        self.files = self.dir / "files"  # what the plays manage
        self.files.mkdir()
        (self.dir / "elsewhere").mkdir()
        (self.dir / "elsewhere" / "elsewhere.py").write_text(ELSEWHERE)
        self.out = self.dir / "out"

    def play(self, tasks, *arguments, expect=0, head="", environment=None, connection="local"):
        """Runs one play of the tasks (YAML, {d} stands for the managed folder) on the host web-1."""
        site, inventory = self.dir / "site.yml", self.dir / "inventory"
        inventory.write_text(f"[all]\nweb-1 ansible_connection={connection}\n[all:vars]\nansible_python_interpreter={sys.executable}\n")
        tasks = textwrap.indent(textwrap.dedent(tasks).replace("{d}", str(self.files)), "    ")
        site.write_text(f"- name: the play\n  hosts: all\n  gather_facts: false\n{textwrap.indent(head, '  ')}\n  tasks:\n{tasks}\n")
        done = subprocess.run(
            [ANSIBLE, "-i", str(inventory), *arguments, str(site)],
            cwd=self.dir, capture_output=True, text=True, timeout=300,
            env={"PATH": os.environ["PATH"], "HOME": str(self.dir), "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1",
                 "ANSIBLE_REMOTE_TMP": str(self.dir / "tmp"), "ANSIBLE_LOCAL_TEMP": str(self.dir / "tmp"),
                 "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_CONNECTION_PLUGINS": str(self.dir / "elsewhere"),
                 "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"), "ANSIBLE_CALLBACKS_ENABLED": "plumbline",
                 "PLUMBLINE_ANSIBLE_DIRECTORY": str(self.out), **(environment or {})})
        self.said = done.stdout + done.stderr
        self.assertEqual(done.returncode, expect, self.said)
        self.assertNotIn("callback plugin", self.said.lower())  # Ansible's words for a plugin that failed
        return self.record() if (self.out / "web-1.json").exists() else None

    def record(self, host="web-1"):
        text = (self.out / f"{host}.json").read_text()
        self.assertNotIn(CANARY, text)
        self.whole = json.loads(text)
        self.left_out = {entry["path"]: entry["why"] for entry in self.whole["left_out"]}
        return {entry["path"].replace(str(self.files), "{d}"): entry for entry in self.whole["files"]}

    def test_a_file_is_recorded_with_all_that_is_known_of_it(self):
        files = self.play("""
            - name: the configuration
              copy: {dest: "{d}/a.conf", content: "workers 4\\n", mode: "0640"}
            """, environment={"PLUMBLINE_RUN_ID": "run-7"})
        entry = files["{d}/a.conf"]
        self.assertEqual(entry["checksums"], {"sha256": sha("sha256", "workers 4\n"), "sha1": sha("sha1", "workers 4\n")})
        self.assertEqual((entry["state"], entry["mode"], entry["run"]), ("file", "0640", "run-7"))
        self.assertEqual((entry["play"], entry["task"], entry["playbook"]), ("the play", "the configuration", "site.yml"))
        self.assertEqual(entry["module"], "ansible.builtin.copy")
        self.assertRegex(entry["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertIn("owner", entry)
        self.assertEqual((self.whole["format"], self.whole["version"], self.whole["host"]), ("plumbline-ansible", 1, "web-1"))
        self.assertEqual((self.out / "web-1.json").stat().st_mode & 0o777, 0o600)
        self.assertEqual([p.name for p in self.out.iterdir() if p.suffix == ".new"], [])

    def test_every_way_of_writing_a_file(self):
        (self.dir / "templates").mkdir()
        (self.dir / "templates" / "t.j2").write_text("port {{ port }}\n")
        (self.dir / "tree" / "sub").mkdir(parents=True)
        (self.dir / "tree" / "sub" / "leaf").write_text("leaf\n")
        (self.dir / "parts").mkdir()
        (self.dir / "parts" / "1").write_text("one\n")
        (self.dir / "parts" / "2").write_text("two\n")
        (self.files / "lines").write_text("a\nb\n")
        shutil.make_archive(str(self.dir / "packed"), "tar", self.dir / "tree")
        files = self.play("""
            - template: {src: t.j2, dest: "{d}/t", mode: "u=rw,go=r"}
              vars: {port: 80}
            - copy: {src: tree/, dest: "{d}/tree", mode: "0644"}
            - assemble: {src: "{{ playbook_dir }}/parts", dest: "{d}/assembled"}
            - lineinfile: {path: "{d}/lines", line: c}
            - blockinfile: {path: "{d}/block", block: "x = 1", create: true}
            - replace: {path: "{d}/lines", regexp: "^b$", replace: B}
            - unarchive: {src: packed.tar, dest: "{d}", list_files: true}
            - get_url: {url: "file://{{ playbook_dir }}/parts/1", dest: "{d}/got"}
            - file: {path: "{d}/folder", state: directory, mode: "0750"}
            - file: {path: "{d}/link", src: t, state: link}
            - file: {path: "{d}/touched", state: touch}
            """)
        digest = {path: entry.get("checksums", {}).get("sha256") for path, entry in files.items()}
        self.assertEqual(digest["{d}/t"], sha("sha256", "port 80\n"))
        self.assertEqual(digest["{d}/tree/sub/leaf"], sha("sha256", "leaf\n"))
        self.assertEqual(digest["{d}/assembled"], sha("sha256", "one\ntwo\n"))
        self.assertEqual(digest["{d}/lines"], sha("sha256", "a\nB\nc\n"))
        self.assertEqual(digest["{d}/block"], sha("sha256", (self.files / "block").read_text()))
        self.assertEqual(digest["{d}/sub/leaf"], sha("sha256", "leaf\n"))
        self.assertEqual(digest["{d}/got"], sha("sha256", "one\n"))
        self.assertEqual(files["{d}/t"]["mode"], "0644")
        self.assertEqual((files["{d}/folder"]["state"], files["{d}/folder"]["mode"]), ("directory", "0750"))
        self.assertEqual((files["{d}/link"]["state"], files["{d}/link"]["link_target"]), ("link", "t"))
        self.assertNotIn("mode", files["{d}/link"])
        self.assertNotIn("checksums", files["{d}/touched"])

    def test_of_a_task_under_no_log_there_is_only_the_path(self):
        files = self.play(f"""
            - name: {CANARY}
              copy: {{dest: "{{d}}/secret", content: "{CANARY}", mode: "0600"}}
              no_log: true
            - copy: {{dest: "{{d}}/{{{{ item.name }}}}", content: "{{{{ item.text }}}}"}}
              loop: [{{name: s1, text: {CANARY}}}]
              no_log: true
            - file: {{path: "{{d}}/gone", state: absent}}
              no_log: true
            """)
        for name in ("{d}/secret", "{d}/s1"):
            self.assertEqual(set(files[name]), {"path", "sensitive", "state", "run", "time", "module"})
            self.assertEqual((files[name]["sensitive"], files[name]["state"]), (True, "present"))
        self.assertEqual(files["{d}/gone"]["state"], "absent")
        self.assertNotIn(sha("sha256", CANARY), json.dumps(self.whole))

    def test_a_file_stays_secret_until_its_content_is_written_anew(self):
        tasks = [f'''
            - copy: {{dest: "{{d}}/s", content: "{CANARY}"}}
              no_log: true
            ''', '- file: {path: "{d}/s", mode: "0600"}', '- lineinfile: {path: "{d}/s", line: more}']
        for task in tasks:
            entry = self.play(task)["{d}/s"]
            self.assertEqual(entry["sensitive"], True, task)
            self.assertNotIn("checksums", entry)
        self.assertEqual(entry["mode"], "0600")
        self.assertIn("checksums", self.play('- copy: {dest: "{d}/s", content: "open"}')["{d}/s"])

    def test_an_encrypted_source_is_a_secret(self):
        vault = pathlib.Path(ANSIBLE).with_name("ansible-vault")
        (self.dir / "password").write_text("p\n")
        (self.dir / "sealed").write_text(CANARY)
        subprocess.run([vault, "encrypt", "--vault-password-file", "password", "sealed"], cwd=self.dir, check=True,
                       capture_output=True, env={"PATH": os.environ["PATH"], "HOME": str(self.dir), "LC_ALL": "C.UTF-8"})
        files = self.play('- copy: {src: sealed, dest: "{d}/open"}', "--vault-password-file", str(self.dir / "password"))
        self.assertEqual((self.files / "open").read_text(), CANARY)
        self.assertEqual(files["{d}/open"]["sensitive"], True)
        self.assertNotIn("checksums", files["{d}/open"])

    def test_check_mode_and_failure_and_skipping_record_nothing(self):
        tasks = """
            - copy: {dest: "{d}/a", content: x}
            - copy: {dest: "{d}/b", content: x}
              when: false
            - copy: {dest: "{d}/no/such/folder/c", content: x}
              ignore_errors: true
            - copy: {dest: "{d}/{{ item }}", content: x}
              loop: [d1, no/such/e, d2]
              ignore_errors: true
            """
        self.assertIsNone(self.play(tasks, "--check"))
        self.assertEqual(set(self.play(tasks)), {"{d}/a", "{d}/d1", "{d}/d2"})
        self.play('- copy: {dest: "{d}/a", content: y}', "--check")
        self.assertEqual(self.record()["{d}/a"]["checksums"]["sha256"], sha("sha256", "x"))

    def test_a_later_run_wins_path_by_path(self):
        self.play("""
            - copy: {dest: "{d}/a", content: "1", mode: "0644"}
            - copy: {dest: "{d}/b", content: "1"}
            - file: {path: "{d}/folder", state: directory}
            - copy: {dest: "{d}/folder/inside", content: "1"}
            """)
        files = self.play("""
            - copy: {dest: "{d}/a", content: "2"}
            - file: {path: "{d}/a", mode: "0600"}
            - file: {path: "{d}/folder", state: absent}
            """)
        self.assertEqual(files["{d}/a"]["checksums"]["sha256"], sha("sha256", "2"))  # which `file` leaves alone
        self.assertEqual(files["{d}/a"]["mode"], "0600")
        self.assertEqual(files["{d}/b"]["checksums"]["sha256"], sha("sha256", "1"))
        self.assertEqual(files["{d}/folder"]["state"], "absent")
        self.assertNotIn("{d}/folder/inside", files)

    def test_a_task_does_not_bless_what_it_did_not_write(self):
        tasks = """
            - copy: {dest: "{d}/a", content: "x\\n", mode: "0644"}
            - copy: {dest: "{d}/b", content: "x\\n"}
            - lineinfile: {path: "{d}/c", line: x, create: true, mode: "0644"}
            """
        before = self.play(tasks)
        (self.files / "b").chmod(0o666)
        (self.files / "c").write_text("x\nbackdoor\n")
        after = self.play(tasks)  # changes nothing: neither the line nor a mode that it does not declare
        self.assertIn("changed=0", self.said)
        self.assertEqual(after["{d}/b"]["mode"], before["{d}/b"]["mode"])
        self.assertEqual(after["{d}/c"]["checksums"], before["{d}/c"]["checksums"])
        after = self.play('- lineinfile: {path: "{d}/c", line: y}')
        self.assertEqual(after["{d}/c"]["checksums"]["sha256"], sha("sha256", "x\nbackdoor\ny\n"))

    def test_another_machine_is_not_read(self):
        (self.dir / "files_src").write_text("from a file\n")
        (self.dir / "t.j2").write_text("rendered\n")
        tasks = """
            - copy: {dest: "{d}/inline", content: "inline\\n"}
            - copy: {src: files_src, dest: "{d}/copied"}
            - template: {src: t.j2, dest: "{d}/rendered"}
            - lineinfile: {path: "{d}/lines", line: x, create: true, mode: "0600"}
            - file: {path: "{d}/link", src: inline, state: link}
            """
        files = self.play(tasks, connection="elsewhere")
        self.assertEqual(files["{d}/inline"]["checksums"]["sha256"], sha("sha256", "inline\n"))
        self.assertEqual(files["{d}/copied"]["checksums"]["sha256"], sha("sha256", "from a file\n"))
        self.assertEqual(files["{d}/rendered"]["checksums"], {"sha1": sha("sha1", "rendered\n")})
        self.assertIn("SHA-1 only", files["{d}/rendered"]["why_no_sha256"])
        self.assertNotIn("checksums", files["{d}/lines"])
        self.assertEqual(files["{d}/lines"]["mode"], "0600")
        self.assertIn("why_no_sha256", files["{d}/lines"])
        self.assertEqual(files["{d}/link"]["link_target"], "inline")
        files = self.play('- template: {src: t.j2, dest: "{d}/shown"}', "--diff", connection="elsewhere")
        self.assertEqual(files["{d}/shown"]["checksums"]["sha256"], sha("sha256", "rendered\n"))

    def test_a_stat_gives_the_digest_that_is_missing(self):
        self.files.joinpath("lines").write_text("a\n")
        line = '- lineinfile: {path: "{d}/lines", line: b}\n'
        stat = '- stat: {path: "{d}/lines", checksum_algorithm: sha256}\n'
        files = self.play(line + stat, connection="elsewhere")
        self.assertEqual(files["{d}/lines"]["checksums"], {"sha256": sha("sha256", "a\nb\n")})
        self.assertNotIn("why_no_sha256", files["{d}/lines"])
        self.files.joinpath("lines").write_text("a\nb\nbackdoor\n")
        files = self.play(line + stat, connection="elsewhere")  # changes nothing, and blesses nothing
        self.assertEqual(files["{d}/lines"]["checksums"], {"sha256": sha("sha256", "a\nb\n")})

    def test_a_delegated_task_counts_for_the_host_that_it_ran_on(self):
        self.play("""
            - copy: {dest: "{d}/here", content: "x"}
              delegate_to: localhost
            - lineinfile: {dest: "{d}/there", line: x, create: true}
              delegate_to: localhost
            """, connection="elsewhere")
        self.assertFalse((self.out / "web-1.json").exists())
        self.assertEqual(set(self.record("localhost")), {"{d}/here", "{d}/there"})
        self.assertIn("sha256", self.record("localhost")["{d}/there"]["checksums"])

    def test_what_cannot_be_told_is_left_out_with_the_reason(self):
        (self.dir / "tree").mkdir()
        (self.dir / "tree" / "x").write_text("x")
        shutil.make_archive(str(self.dir / "packed"), "tar", self.dir / "tree")
        self.play("""
            - unarchive: {src: packed.tar, dest: "{d}"}
            - file: {path: "{d}", state: directory, recurse: true, mode: u=rwX}
            - file: {path: relative, state: touch}
            """)
        self.assertIn("what lies below", self.left_out[f"{self.files}/"])
        self.assertIn("no absolute path", self.left_out["relative"])

    def test_symlinks_lead_to_the_file_that_was_written(self):
        (self.files / "real").write_text("a\n")
        (self.files / "alias").symlink_to("real")
        files = self.play('- lineinfile: {path: "{d}/alias", line: b}')
        self.assertEqual(set(files), {"{d}/real"})
        self.assertEqual(files["{d}/real"]["checksums"]["sha256"], sha("sha256", "a\nb\n"))

    def test_a_record_of_another_kind_is_left_as_it_is(self):
        self.out.mkdir()
        (self.out / "web-1.json").write_text('{"format": "something else"}')
        tasks = '- copy: {dest: "{d}/a", content: x}'
        with self.assertRaises(AssertionError):
            self.play(tasks, expect=1)  # the run itself is not disturbed
        self.assertIn("not a record of this version", self.said)
        self.assertEqual((self.out / "web-1.json").read_text(), '{"format": "something else"}')

    def test_paths_are_written_as_findings_write_them(self):
        (self.dir / "tree").mkdir()
        (self.dir / "tree" / "caf\u00e9 \\x41").write_text("x")
        files = self.play('- copy: {src: tree/, dest: "{d}/made"}')
        self.assertIn("{d}/made/caf\u00e9 \\x5Cx41", files)

    def test_roles_and_handlers_and_modules_of_ones_own(self):
        role = self.dir / "roles" / "web"
        (role / "tasks").mkdir(parents=True)
        (role / "handlers").mkdir()
        (role / "library").mkdir()
        (role / "tasks" / "main.yml").write_text(textwrap.dedent(f"""
            - name: configure
              copy: {{dest: "{self.files}/a", content: x}}
              notify: later
            - ours: {{path: "{self.files}/b"}}
            """))
        (role / "handlers" / "main.yml").write_text(f'- name: later\n  copy: {{dest: "{self.files}/h", content: h}}\n')
        (role / "library" / "ours.py").write_text(textwrap.dedent("""
            from ansible.module_utils.basic import AnsibleModule
            module = AnsibleModule({"path": {"type": "path"}})
            open(module.params["path"], "w").write("ours")
            module.exit_json(changed=True)
            """))
        files = self.play("- meta: noop", head="roles: [web]", environment={"PLUMBLINE_ANSIBLE_MODULES": "ansible.builtin.ours"})
        self.assertEqual(files["{d}/a"]["role"], "web")
        self.assertEqual(files["{d}/h"]["task"], "later")
        self.assertEqual(files["{d}/b"]["checksums"]["sha256"], sha("sha256", "ours"))


if __name__ == "__main__":
    if not ANSIBLE:
        print("skipped: there is no ansible-playbook (Debian: ansible-core)")
        sys.exit(77)
    unittest.main()
