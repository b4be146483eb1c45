#!/usr/bin/env python3
"""Each room rule, on a tree of a few lines: one that it lets pass, one that it stops."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import rooms  # noqa: E402


class Rooms(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def complaints(self, file, text):
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return list(rooms.check_tree(self.root))

    def stops(self, file, text, part):
        found = self.complaints(file, text)
        self.assertEqual(len(found), 1, found)
        self.assertIn(part, found[0])

    def passes(self, file, text):
        self.assertEqual(self.complaints(file, text), [])

    def test_libraries_stay_in_their_rooms(self):
        for room, other, header in [
            ("agent/source/kernel.cpp", "agent/observer.cpp", "<bpf/libbpf.h>"),
            ("agent/source/kernel.cpp", "collector/main.cpp", '"plumbline.skel.h"'),
            ("http/server.cpp", "agent/api/api.cpp", "<boost/beast/http/parser.hpp>"),
            ("collector/forward/slack.cpp", "agent/api/api.cpp", "<httplib.h>"),
            ("agent/api/api.cpp", "agent/detect/judge.cpp", "<nlohmann/json.hpp>"),
            ("include/config/strict_yaml.cpp", "agent/config/agent_config.cpp", "<yaml-cpp/yaml.h>"),
            ("collector/store/sqlite.cpp", "collector/api/api.cpp", "<sqlite3.h>"),
            ("cloud/body/xml.cpp", "cloud/aws/outcome.cpp", "<expat.h>"),
            ("cloud/body/json.cpp", "cloud/route.cpp", "<simdjson.h>"),
        ]:
            with self.subTest(header):
                self.passes(room, f"#include {header}\n")
                self.stops(other, f"#include {header}\n", other)
                (self.root / other).unlink()

    def test_the_kernel_side_has_its_own_libbpf_headers(self):
        self.passes("bpf/plumbline.bpf.c", "#include <bpf/bpf_helpers.h>\n")

    def test_a_stage_includes_earlier_stages_only(self):
        self.passes("agent/detect/judge.cpp", '#include "agent/enrich/actor.hpp"\n#include "agent/detect/judge.hpp"\n')
        self.stops("agent/enrich/enricher.cpp", '#include "agent/detect/judge.hpp"\n', "enrich includes agent/detect")

    def test_stages_beside_each_other_do_not_meet(self):
        self.passes("collector/api/api.cpp", '#include "collector/forward/forwarder.hpp"\n')
        self.stops("collector/forward/slack.cpp", '#include "collector/ingest/prepare.hpp"\n', "no earlier stage")

    def test_wiring_knows_all_stages(self):
        self.passes("agent/agent.cpp", '#include "agent/source/kernel.hpp"\n#include "agent/api/api.hpp"\n')

    def test_agent_and_collector_are_strangers(self):
        self.stops("agent/export/exporter.cpp", '#include "collector/ingest/ingest.hpp"\n', "must not know collector")

    def test_the_cloud_room_knows_values_and_no_sources(self):
        self.passes("cloud/body/secrets.cpp", '#include "baseline/value/sensitive.hpp"\n')
        self.stops("cloud/body/secrets.cpp", '#include "baseline/source/base64.hpp"\n', "must not know baseline/source")
        (self.root / "cloud/body/secrets.cpp").unlink()
        self.stops("baseline/compile.cpp", '#include "cloud/route.hpp"\n', "must not know cloud")

    def test_what_is_shared_depends_on_nobody(self):
        self.passes("include/abi/abi.h", '#include "bpf/lib/kernel_types.h"\n')
        self.stops("include/wire/batch.hpp", '#pragma once\n#include "agent/spool/spool.hpp"\n', "must not know agent")

    def test_an_include_in_a_comment_is_none(self):
        self.passes("agent/observer.cpp", "// #include <bpf/libbpf.h>\n")

    def test_length(self):
        self.passes("agent/a.cpp", "int i;\n" * 400)
        self.stops("agent/a.cpp", "int i;\n" * 401, "400 is its cap")
        (self.root / "agent/a.cpp").unlink()
        self.stops("agent/a.hpp", "#pragma once\n" * 201, "200 is its cap")

    def test_a_reasoned_exception_has_a_cap_of_its_own(self):
        longer = {"agent/a.cpp": (450, "reason")}
        self.assertEqual(list(rooms.check_length("agent/a.cpp", [""] * 450, longer)), [])
        self.assertEqual(len(list(rooms.check_length("agent/a.cpp", [""] * 451, longer))), 1)

    def test_exceptions_name_files_that_need_them(self):
        root = pathlib.Path(__file__).resolve().parents[2]
        for file, (_, reason) in rooms.LONGER.items():
            with self.subTest(file):
                cap = rooms.CAPS[pathlib.PurePath(file).suffix]
                self.assertGreater(len((root / file).read_text().splitlines()), cap, "needs no exception")
                self.assertTrue(reason)

    def test_names(self):
        self.passes("bpf/plumbline.bpf.c", "")
        self.stops("agent/NodeState.cpp", "", "snake_case")

    def test_guard(self):
        self.stops("agent/a.hpp", "int i;\n", "pragma once")

    def test_unfinished_work(self):
        self.stops("docs/page.md", "TO" + "DO: write this\n", "unfinished")

    def test_paths_of_one_machine(self):
        self.passes("docs/page.md", "/etc/plumbline/agent.yaml\n")
        self.stops("docs/page.md", "see /home/" + "somebody/notes\n", "somebody's machine")
        self.stops("docs/page.md", f"built in {self.root.resolve()}/build\n", "somebody's machine")


if __name__ == "__main__":
    unittest.main()
