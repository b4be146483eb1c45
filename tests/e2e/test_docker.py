"""Docker's containers, and tasks of Amazon ECS: real processes in real cgroups of the forms that Docker and ECS' agent make."""

import docker_containers
from docker_containers import CANARY, TASK

CHANGE = "echo ID >/data/a; until [ -e /data/seen-ID ]; do sleep 0.1; done"


def docker_folders(stack):
    """The agent has a /run and a /var/lib of its own, with Docker's folders in them."""
    run, lib = stack.dir / "run", stack.dir / "lib"
    for folder in (run / "docker/runtime-runc/moby", lib / "docker/containers"):
        folder.mkdir(parents=True)
    stack.agent_within = ["unshare", "--mount", "sh", "-c", f'mount --bind {run} /run && mount --bind {lib} /var/lib && exec "$0" "$@"']
    return run / "docker/runtime-runc/moby", lib / "docker/containers"


def changed_in(stack, folders, cgroup, path, config=None):
    """The drift of a change by such a container."""
    with docker_containers.container(stack.dir, *folders, cgroup, stack.managed, CHANGE, config) as id:
        try:
            return stack.wait_open(path, lambda d: d["actor"].get("container", {}).get("id") == id)
        finally:
            (stack.managed / f"seen-{id}").touch()


def test_every_form_of_cgroup_leads_to_docker_s_names_and_the_task(stack):
    folders = docker_folders(stack)
    path = stack.file("a")
    stack.start_agent()
    for cgroup in ("/docker/ID", "/system.slice/docker-ID.scope", f"/ecs/{TASK}/ID", f"/ecstasks.slice/ecstasks-{TASK}.slice/docker-ID.scope"):
        drift = changed_in(stack, folders, cgroup, path)
        container = drift["actor"]["container"]
        assert drift["actor"]["resolved"], (cgroup, drift)
        assert container["runtime"] == "docker" and container["image"] == "registry.example/web:1", (cgroup, container)
        assert container["name"] == "ecs-web-7-app-9ad1b0e2c4d3a5f60100", (cgroup, container)
        assert container["ecs"] == {"cluster": "shop", "task": f"arn:aws:ecs:eu-west-1:123456789012:task/shop/{TASK}", "family": "web", "revision": "7",
                                    "container": "app"}, (cgroup, container)
    shown = stack.plumb("show", drift["id"]).stdout
    assert f"task/shop/{TASK}, cluster shop, family web, revision 7, container app" in shown, shown
    for file in [stack.dir / "agent.log", *stack.state.rglob("*")]:
        assert file.is_dir() or CANARY.encode() not in file.read_bytes(), file


def test_a_file_that_is_not_docker_s_is_said_and_not_believed(stack):
    folders = docker_folders(stack)
    path = stack.file("a")
    stack.start_agent()
    drift = changed_in(stack, folders, "/docker/ID", path, {"ID": "another's"})
    container = drift["actor"]["container"]
    assert container["runtime"] == "docker" and "name" not in container and "ecs" not in container, container
    assert not drift["actor"]["resolved"]
    assert any("config.v2.json: it is of another container" in why for why in drift["missing_evidence"]), drift["missing_evidence"]
