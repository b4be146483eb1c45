"""How many first calls are seen of programs that nobody looked at before: of each client the first process of a fresh image, under
runc and podman, with executions held (calls.exec_gate) and not.

PLUMBLINE_FIRST_CALL_RUNS says how many images of each client there are for each way (default 5), PLUMBLINE_FIRST_CALL_CLIENTS which
clients (default: all that are to be had), PLUMBLINE_FIRST_CALL_WAYS which ways (default: all four).
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import harness
import test_calls_containers as containers
import test_first_calls as clients
from cluster import Cluster
from harness import Skip, wait
from moto import AUTHORIZATION, Moto
from tls_servers import Ec2
from watched_calls import start, state

RUNS = int(os.environ.get("PLUMBLINE_FIRST_CALL_RUNS", "5"))
ONLY = os.environ.get("PLUMBLINE_FIRST_CALL_CLIENTS", "").split()
GATE = "1s"  # the machine may be busy
WAYS = {"runc": ("runc", False), "runc-held": ("runc", True), "podman": ("podman", False), "podman-held": ("podman", True)}
CHOSEN_WAYS = [WAYS[name] for name in os.environ.get("PLUMBLINE_FIRST_CALL_WAYS", " ".join(WAYS)).split()]

# Its lines: NAME ROOT COMMAND ENVIRONMENT, the last two files of words that end with a NUL; it answers with the client's status. The
# image is there when the line comes, and its first process is the client.
DRIVERS = {
    "runc": """
  runc_run "$name" "$root" "${words[@]}" >"$root.log" 2>&1 </dev/null || status=$?
  runc_remove "$name" >/dev/null 2>&1 || true
""",
    "podman": """
  podman_image "$root" "localhost/$name:1"
  podman_run "$name" "localhost/$name:1" "${words[@]}" >"$root.log" 2>&1 || status=$?
  podman_do rmi --force "localhost/$name:1" >/dev/null 2>&1 || true
""",
}
DRIVER = """
echo "ready $containers_work"
while read -r name root command environment; do
  mapfile -d '' -t words <"$command"
  mapfile -d '' -t container_environment <"$environment"
  status=0
%s
  echo "$status"
done
"""


@dataclasses.dataclass
class Client:
    """What is in its image, and the command of its i-th process; `resource` is the one that call changes."""
    paths: list
    command: object
    resource: object
    environment: dict = dataclasses.field(default_factory=dict)
    make_root: object = None


# Images.

def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def place(root, path):
    """Copies a path of this machine, with whatever links lead to it."""
    at, parts = pathlib.Path("/"), list(pathlib.Path(path).parts[1:])
    while parts:
        part = parts.pop(0)
        at = at.parent if part == ".." else at / part
        inside = root / str(at).lstrip("/")
        if at.is_symlink():
            if not inside.is_symlink():
                inside.symlink_to(os.readlink(at))
            target = pathlib.Path(os.readlink(at))
            at, parts = (pathlib.Path("/"), [*target.parts[1:], *parts]) if target.is_absolute() else (at.parent, [*target.parts, *parts])
        elif at.is_dir() and parts:
            inside.mkdir(exist_ok=True)
        elif at.is_dir():
            shutil.copytree(at, inside, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("test", "site-packages", "__pycache__", "examples", "config-*", "idlelib"))
        elif not inside.exists():
            shutil.copy2(at, inside)


def furnish(root):
    """What every image has."""
    for folder in ("proc", "sys", "dev", "tmp", "etc", "data"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")


def template(root, paths):
    """An image of these paths and of all libraries that what is in them is linked to."""
    furnish(root)
    for path in paths:
        place(root, path)
    programs = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink() and is_elf(path)]
    for at in range(0, len(programs), 200):
        listed = subprocess.run(["ldd", *programs[at:at + 200]], capture_output=True, text=True).stdout
        for library in sorted(set(re.findall(r"(/\S+) \(0x", listed))):
            if not library.startswith(str(root)):
                place(root, library)


def fresh(source, root):
    """A copy whose programs and libraries are files of their own and of a content that never was: nothing that is known of another
    file holds for them. All else is linked, which is no matter of looking."""
    salt = os.urandom(16)
    for folder, names, files in os.walk(source):
        inside = root / os.path.relpath(folder, source)
        inside.mkdir(parents=True, exist_ok=True)
        for name in [*names, *files]:
            path = pathlib.Path(folder) / name
            if path.is_symlink():
                (inside / name).symlink_to(os.readlink(path))
            elif path.is_file() and is_elf(path):
                shutil.copy2(path, inside / name)
                with open(inside / name, "ab") as file:
                    file.write(salt)
            elif path.is_file():
                os.link(path, inside / name)


# Clients.

BOTO = ["awscli", "boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3", "docutils", "yaml", "colorama", "rsa", "pyasn1"]


def python_paths(program, packages=()):
    """The interpreter, its own library, and packages of where it has them."""
    told = subprocess.run([program, "-c", "import sys, sysconfig\nprint(sys._base_executable, sys.executable, sysconfig.get_path('stdlib'), "
                           "sysconfig.get_path('purelib'), sys.prefix, sep='\\n')"], capture_output=True, text=True, check=True).stdout.split()
    base, own, library, site, prefix = told
    return [base, own, library, *([f"{prefix}/pyvenv.cfg", *[f"{site}/{name}" for name in packages]] if packages else [])]


def group(name):
    return lambda i: ("aws_security_group", f"{name}-{i}", {"id": f"sg-{name}-{i}", "name": f"sg-{name}-{i}"})


def of_libraries(stack, data):
    """Clients of one TLS library each, against a double of EC2."""
    server = Ec2(stack)
    shutil.copy(server.certificate, data / "ec2.pem")
    python = os.path.realpath(shutil.which("python3", path="/usr/bin") or sys.executable)
    go, why_no_go = clients.go_client(stack)
    commands = {
        "curl": (["/usr/bin/curl"], clients.installed("curl", "-fsS", "--cacert", "$2", "-H", "Authorization: $3", "-d", "$4", "$1")),
        "wget": (["/usr/bin/wget"], clients.installed("wget", "-qO-", "--ca-certificate=$2", "--header=Authorization: $3", "--post-data=$4",
                                                      "$1")),
        "python3": (python_paths(python), ([python, "-c", clients.PYTHON, "$1", "$2", "$3", "$4"], "")),
        "node": (["/usr/bin/node", "/usr/share/nodejs"], clients.installed("node", "-e", clients.NODE, "$1", "$2", "$3", "$4")),
        "go": ([go[0]] if go else [], (go, why_no_go)),
    }
    for name, command in clients.choose({name: both for name, (_, both) in commands.items()}).items():
        def words(i, command=command, name=name):
            values = {"$1": f"https://localhost:{server.port}/", "$2": str(data / "ec2.pem"), "$3": AUTHORIZATION,
                      "$4": f"Action=DeleteSecurityGroup&Version=2016-11-15&GroupId=sg-{name}-{i}"}
            made = [str(word) for word in command]
            for key, value in values.items():
                made = [word if "\n" in word else word.replace(key, value) for word in made]
            return made
        yield name, Client([path for path in commands[name][0] if os.path.exists(path)], words, group(name))


def of_c(stack, data):
    """The smallest client there is, which calls as soon as it can, of glibc and of musl."""
    Ec2(stack, data / "ec2.sock")
    (data / "end").touch()
    for name, make in (("openssl, glibc", containers.glibc_root), ("openssl 1.1, musl", containers.musl_root)):
        plain = name.split()[-1]
        yield name, Client([], lambda i, plain=plain: ["/bin/client", str(data / "ec2.sock"), f"sg-{plain}-{i}", str(data / "end"), "0"],
                           group(plain), make_root=make)


def of_aws(stack, data):
    """AWS' own clients, against moto."""
    moto = Moto(stack)
    shutil.copy(moto.certificate, data / "moto.pem")
    kept = {name: value for name, value in moto.environment.items() if name.startswith("AWS_")}
    environment = {**kept, "AWS_CA_BUNDLE": str(data / "moto.pem"), "NODE_EXTRA_CA_CERTS": str(data / "moto.pem"), "HOME": "/tmp"}
    js, why_no_js = clients.built("aws-sdk-js/build.sh")
    go, why_no_go = clients.built("aws-sdk-go/build.sh")
    python = [*python_paths(moto.bin / "python", BOTO), moto.bin / "aws"]
    commands = {
        "boto3": (python, ([moto.bin / "python", "-c", clients.BOTO3], "")),
        "awscli": (python, ([moto.bin / "python3", moto.bin / "aws", *clients.AWSCLI], "")),
        "aws-sdk-js": (["/usr/bin/node", "/usr/share/nodejs", js], clients.installed("node", "-e", clients.SDK_JS) if js else (None, why_no_js)),
        "aws-sdk-go": ([go], ([go / "put-retention"], "") if go else (None, why_no_go)),
    }
    for name, command in clients.choose({name: both for name, (_, both) in commands.items()}).items():
        kind, attribute, before, after = clients.LOGS if name == "aws-sdk-go" else clients.ALARM

        def resource(i, name=name, kind=kind, attribute=attribute, before=before):
            thing = f"{name}-{i}"
            return kind, thing, {"id": thing, "name" if kind == clients.LOGS[0] else "alarm_name": thing, attribute: before}

        def words(i, name=name, command=command, after=after):
            asked = ["--alarm-name", f"{name}-{i}", "--threshold", after] if name == "awscli" else [f"{name}-{i}", after]
            return [str(word) for word in (*command, *asked)]
        if kind == clients.LOGS[0]:
            subprocess.run([moto.bin / "python", "-c", clients.GROUPS, *[f"{name}-{i}" for i in range(RUNS)]], env=moto.environment, check=True)
        more = {"NODE_PATH": f"{js}/node_modules"} if name == "aws-sdk-js" else {}
        yield name, Client([path for path in commands[name][0] if os.path.exists(path)], words, resource, {**environment, **more})


def of_kubernetes(stack, data):
    cluster = Cluster(stack)
    shutil.copy(cluster.folder / "apiserver.crt", data / "apiserver.crt")
    objects = [clients.deployment(f"kubectl-{i}") for i in range(RUNS)]
    cluster.apply(*objects)
    described = stack.dir / "shop.json"
    described.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    stack.baselines.append(f"{{name: shop, kubernetes: {described}}}")

    def words(i):
        asked = cluster.command("--cache-dir=/tmp/cache", "annotate", "deployment", f"kubectl-{i}", "--overwrite", "team=other")
        return [str(data / "apiserver.crt") if word == cluster.folder / "apiserver.crt" else str(word) for word in asked]
    yield "kubectl", Client([cluster.kubectl_path], words, lambda i: ("k8s:shop/apps/v1/Deployment/default", f"kubectl-{i}", None),
                            {"HOME": "/tmp"})


EMPTY_STATE = json.dumps({"version": 4, "terraform_version": "1.10.6", "serial": 1, "lineage": "a", "outputs": {}, "resources": [],
                          "check_results": None})
PUT_STATES = """
import sys, boto3
s3 = boto3.client("s3")
s3.create_bucket(Bucket="states", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
for key in sys.argv[2:]: s3.put_object(Bucket="states", Key=key, Body=sys.argv[1])
"""


def of_tofu(stack, data):
    """OpenTofu with its state in S3: a workspace each, which it reads and then writes."""
    tofu, why = clients.built("tofu/build.sh", "--path")
    if not tofu:
        raise Skip(why)
    moto = Moto(stack)
    shutil.copy(moto.certificate, data / "states.pem")
    folder = data / "tofu"
    folder.mkdir()
    (folder / "main.tf").write_text(clients.TOFU)
    environment = {**{name: value for name, value in moto.environment.items() if name.startswith("AWS_")}, "HOME": "/tmp",
                   "AWS_CA_BUNDLE": str(data / "states.pem"), "TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}

    def key(i):
        return f"runs/tofu-{i}/net.tfstate"
    subprocess.run([moto.bin / "python", "-c", PUT_STATES, EMPTY_STATE, *map(key, range(RUNS))], env=moto.environment, check=True)
    subprocess.run([tofu / "tofu", f"-chdir={folder}", "init"], env={**os.environ, **environment}, check=True, capture_output=True)

    def resource(i):
        return "aws_s3_object", f"tofu-{i}", {"id": key(i), "bucket": "states", "key": key(i), "arn": f"arn:aws:s3:::states/{key(i)}"}

    def words(i):
        return ["/usr/bin/env", f"TF_WORKSPACE=tofu-{i}", tofu / "tofu", f"-chdir={folder}", "apply", "-auto-approve", "-var=content=a"]
    yield "tofu", Client([tofu / "tofu", "/usr/bin/env"], words, resource, environment)


KINDS = {of_c: ["openssl"], of_libraries: ["curl", "wget", "python3", "node", "go"], of_aws: ["boto3", "awscli", "aws-sdk-js", "aws-sdk-go"],
         of_kubernetes: ["kubectl"], of_tofu: ["tofu"]}


def all_clients(stack, data):
    for kind, names in KINDS.items():
        if ONLY and not set(ONLY) & set(names):
            continue
        try:
            for name, client in kind(stack, data):
                if not ONLY or name.split(",")[0].split()[0] in ONLY:
                    yield name, client
        except Skip as why:
            print(f"first calls {kind.__name__}: skipped, {why}", flush=True)


# Runs.

def write_words(path, words):
    path.write_bytes(b"".join(str(word).encode() + b"\0" for word in words))
    return path


def address(resource):
    kind, name, attributes = resource
    return f"{kind}/{name}" if attributes is None else f"tofu:net/{kind}.{name}"


def template_of(client, templates):
    """Its image, made once for all ways."""
    root = templates / re.sub("[^a-z0-9]+", "-", "-".join(map(str, client.paths)).lower() or client.make_root.__name__)[-200:]
    if not root.exists():
        if client.make_root:
            client.make_root(root)
            furnish(root)
        else:
            template(root, client.paths)
    return root


def one_way(runtime, gated, templates):
    """Client → (of its calls those that were seen, all that worked)."""
    with harness.Stack(f"first-calls-{runtime}-{gated}") as stack:
        data = stack.managed
        stack.baselines = [f"{{name: net, terraform_state: {stack.dir}/net.tfstate}}"]
        known = dict(all_clients(stack, data))
        described = [client.resource(i) for client in known.values() for i in range(RUNS)]
        state(stack.dir / "net.tfstate", *[resource for resource in described if resource[2] is not None])
        images = {}
        for name, client in list(known.items()):
            try:
                images[name] = template_of(client, templates)
            except Skip as why:
                print(f"first calls of {name}: skipped, {why}", flush=True)
                del known[name]
        job = subprocess.Popen(["bash", "-c", "set -euo pipefail\n. tests/harness/containers.sh\ncontainers_begin\ntrap containers_end EXIT\n"
                                f"container_mounts=({data}:{data})\ncontainer_network=host\n" + DRIVER % DRIVERS[runtime]],
                               cwd=harness.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            line = job.stdout.readline().strip()
            if not line.startswith("ready /"):
                raise Skip(line)
            folders = [line.split()[1] + "/podman/root/overlay" if runtime == "podman" else "/usr/sbin"]
            pathlib.Path(folders[0]).mkdir(parents=True, exist_ok=True)
            start(stack, folders, ", max_files: 65536" + (f", exec_gate: {GATE}" if gated else ""), stack.baselines)
            if gated:
                wait(lambda: stack.api("/v1/status")["calls"]["exec_gate"]["file_systems"] > 0, "file systems to be gated")
            worked = {name: run_client(stack, job, images[name], name, client) for name, client in known.items()}
        finally:
            job.stdin.close()
            job.wait(120)
        rows = {name: (told(stack, resources), resources) for name, resources in worked.items()}
        for name, (seen, all_of_it) in rows.items():  # a long way to the table, and what was seen is not lost if it is broken off
            print(f"{runtime}{', held' if gated else ''}: {name}: {len(seen)} of {len(all_of_it)}", file=sys.stderr, flush=True)
        return rows


def run_client(stack, job, source, name, client):
    """The resources of its calls that worked: those of a client that failed say nothing of us."""
    worked = []
    for i in range(RUNS):
        tag = re.sub("[^a-z0-9]+", "-", f"{name}-{i}")
        root = stack.dir / f"root-{tag}"
        fresh(source, root)
        command = write_words(stack.dir / "command", client.command(i))
        environment = write_words(stack.dir / "environment", [f"{key}={value}" for key, value in client.environment.items()])
        job.stdin.write(f"{tag} {root} {command} {environment}\n")
        job.stdin.flush()
        status = job.stdout.readline().strip()
        if status == "0":
            worked.append(address(client.resource(i)))
        else:
            log = pathlib.Path(f"{root}.log")
            print(f"first calls of {name}: a client ended with {status}: {log.read_text(errors='replace')[-500:] if log.exists() else ''}", flush=True)
        shutil.rmtree(root)
    return worked


def told(stack, resources):
    """Those that were told by the time when nothing more comes."""
    def seen():
        return {d["resource"] for d in stack.drifts() if d["kind"] == "call"} & set(resources)
    with contextlib.suppress(AssertionError):
        wait(lambda: len(seen()) == len(resources), "the calls", 5)
    return seen()


def first_calls():
    began = time.monotonic()
    ways = {}
    with tempfile.TemporaryDirectory(prefix="plumbline-images-") as templates:
        for runtime, gated in CHOSEN_WAYS:
            try:
                ways[runtime, gated] = one_way(runtime, gated, pathlib.Path(templates))
            except Skip as why:
                print(f"first calls under {runtime}: skipped, {why}", flush=True)
    if not ways:
        raise Skip("no runtime of containers is to be had")
    print(f"### First calls of fresh images ({RUNS} images each, {time.monotonic() - began:.0f} s)\n")
    print("| client | " + " | ".join(f"{runtime}, {'executions held' if gated else 'not held'}" for runtime, gated in ways) + " |")
    print("| --- " * (len(ways) + 1) + "|")
    for name in dict.fromkeys(name for rows in ways.values() for name in rows):
        cells = [f"{len(rows[name][0])} of {len(rows[name][1])}" if name in rows else "" for rows in ways.values()]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    print()
