"""What a step in a container can rely on, whatever runs the container."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from stepcache.errors import StepcacheError
from stepcache.executors.containers.runtime import ContainerRuntime
from stepcache.executors.step import StepExit
from stepcache.executors.supervisor import Supervisor
from tests.executors.containers.conftest import Describe
from tests.executors.containers.worlds import FURNISHED, World
from tests.executors.observing import log_of, until_async, written

AWKWARD = {
    "TWO_LINES": "one\ntwo\n",
    "EMPTY": "",
    "QUOTED": "'a' \"b\" $HOME `id` \\ #",
    "UNICODE": "ünïcode 🐍",
    "JSON": json.dumps({"a": [1, "two"]}, indent=2),
    "LONG": "x" * 100_000,
    # what docker and podman, or what they are made of, look at themselves
    "PATH": "/bin:/usr/bin:/somewhere else",
    "HOME": "/not/here",
    "DOCKER_HOST": "tcp://elsewhere:1",
    "CONTAINERS_CONF": "/nowhere # \\",
    "LD_LIBRARY_PATH": "",
    "https_proxy": "http://user:secret@proxy",
    "GODEBUG": "x=$y",
    "TMPDIR": "  /spaces  ",
}


ENDS = {
    "exit 0": (0, "ended with exit code 0"),
    "exit 3": (3, "ended with exit code 3"),
    "exit 255": (255, "ended with exit code 255"),
    # docker's own codes, when they are the step's
    "exit 125": (125, "ended with exit code 125"),
    "exit 127": (127, "ended with exit code 127"),
    "sh -c 'kill -KILL $$'; exit $?": (137, "ended with exit code 137, which stands for SIGKILL"),
}


async def test_ends_as_its_container_does(runtime: ContainerRuntime, step: Describe) -> None:
    running = {script: await runtime.run(await step(script)) for script in ENDS}
    for script, (code, words) in ENDS.items():
        ended = await running[script].wait()
        assert (ended.code, ended.signal, ended.ok) == (code, None, code == 0)
        assert ended.describe() == words
        assert await running[script].wait() == ended


async def test_a_command_that_is_not_in_the_image_is_told_from_one_that_failed(
    runtime: ContainerRuntime, step: Describe, directory: Path
) -> None:
    cases = (("no-such-program", 127, "its command is not in the image"), ("/etc", 126, "cannot be executed"))
    for program, code, words in cases:
        ended = await (await runtime.run(await step(command=(program,)))).wait()
        assert (ended.code, ended.ok) == (code, False)
        assert ended.describe().startswith("was not started: ")
        assert words in ended.describe()
        assert program in log_of(directory)


async def test_gets_its_variables_exactly_and_nothing_of_this_machine(
    runtime: ContainerRuntime, step: Describe, directory: Path
) -> None:
    command = await step(
        command=("/bin/sh", "-c", "cat /proc/self/environ > $0", str(directory / "env")), environment=AWKWARD
    )
    ended = await (await runtime.run(command)).wait()
    assert ended.ok, log_of(directory)
    lines = (directory / "env").read_text().split("\0")
    found = dict(line.split("=", 1) for line in lines if line)
    assert {name: found.get(name) for name in AWKWARD} == AWKWARD
    assert set(found) - set(AWKWARD) <= {"HOSTNAME", "SHLVL", "PWD", "TERM", "container", "OLDPWD", "_"}
    assert not (directory / ".container-environment").exists()


async def test_no_value_is_on_a_command_line(runtime: ContainerRuntime, step: Describe, directory: Path) -> None:
    environment = {"TOKEN": "sesame", "DOCKER_PASSWORD": "sesame"}
    running = await runtime.run(
        await step("echo > ready; sleep 1000", environment=environment, working_directory=str(directory))
    )
    await until_async(written(directory / "ready"), 20)
    for arguments in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert b"sesame" not in arguments.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
    await running.stop(0)


async def test_what_it_writes_belongs_to_this_user(
    runtime: ContainerRuntime, step: Describe, directory: Path
) -> None:
    script = "umask; mkdir outputs; echo 42 > outputs/number; id -u > /dev/null; touch ~/file"
    command = await step(
        script, image=FURNISHED, working_directory=str(directory), environment={"HOME": str(directory)}
    )
    ended = await (await runtime.run(command)).wait()
    assert ended.ok, log_of(directory)
    assert (directory / "outputs" / "number").read_text() == "42\n"
    for path in (directory / "outputs", directory / "outputs" / "number"):
        assert (path.stat().st_uid, path.stat().st_gid) == (os.geteuid(), os.getegid())
    assert log_of(directory).strip() == "0022"


COMMANDS = {
    ((), ()): "entry default",
    ((), ("mine", "--flag")): "entry mine --flag",
    (("echo", "command"), ()): "command",
    (("echo", "command"), ("-x", "--name=a")): "command -x --name=a",
    (("[", "a"), ("=", "a", "]")): "",
}


async def test_command_and_args_are_as_in_kubernetes(
    runtime: ContainerRuntime, step: Describe, directory: Path
) -> None:
    for (command, args), expected in COMMANDS.items():
        described = await step(image=FURNISHED, command=command, args=args)
        log = directory / f"log {len(list(directory.iterdir()))}"
        ended = await (await runtime.run(replace(described, log=log))).wait()
        assert ended.ok, log.read_text()
        assert log.read_text().strip() == expected


async def test_starts_where_the_image_or_the_step_says(
    runtime: ContainerRuntime, step: Describe, directory: Path
) -> None:
    for place, expected in (("", "/tmp"), (str(directory), str(directory))):
        await (await runtime.run(await step("pwd", image=FURNISHED, working_directory=place))).wait()
        assert log_of(directory).splitlines()[-1] == expected


async def test_the_log_holds_both_outputs_behind_what_was_there(
    runtime: ContainerRuntime, step: Describe, directory: Path
) -> None:
    (directory.parent / "step.log").write_text("before\n")
    await (await runtime.run(await step("echo out; echo error >&2; seq 20000"))).wait()
    log = log_of(directory)
    # Each output in its own order and whole; the client may pass one on in the middle of the other's line.
    assert log.count("error\n") == 1
    assert log.replace("error\n", "") == "\n".join(["before", "out", *map(str, range(1, 20001)), ""])


async def test_inputs_are_read_at_their_own_path(
    runtime: ContainerRuntime, step: Describe, directory: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "objects" / "ab, c", tmp_path / "objects" / "two"
    two.mkdir(parents=True)
    one.write_text("one")
    (two / "part").write_text("two")
    command = await step(f"cat '{one}' {two}/part", inputs=(one, two, one))
    assert (await (await runtime.run(command)).wait()).ok, log_of(directory)
    assert log_of(directory) == "onetwo"


async def test_a_step_that_is_stopped_may_clean_up(
    runtime: ContainerRuntime, step: Describe, directory: Path
) -> None:
    script = "trap 'echo cleaned; exit 4' TERM; echo > ready; while :; do sleep 0.05; done"
    running = await runtime.run(await step(script, working_directory=str(directory)))
    await until_async(written(directory / "ready"), 20)
    assert await running.stop(30) == StepExit(4, None, "ended with exit code 4")
    assert "cleaned" in log_of(directory)


async def test_a_step_that_does_not_stop_is_killed_and_writes_no_more(
    runtime: ContainerRuntime, step: Describe, directory: Path
) -> None:
    script = "trap '' TERM; (while :; do date >> beats; sleep 0.01; done) & echo > ready; wait; sleep 1000"
    running = await runtime.run(await step(script, working_directory=str(directory)))
    await until_async(written(directory / "ready", directory / "beats"), 20)
    ended = await running.stop(0.1)
    size = (directory / "beats").stat().st_size
    assert not ended.ok
    await asyncio.sleep(0.1)
    assert (directory / "beats").stat().st_size == size


async def test_a_container_that_outlives_its_client_is_no_success(
    runtime: ContainerRuntime, step: Describe, directory: Path
) -> None:
    running = await runtime.run(await step("echo > ready; sleep 1000", working_directory=str(directory)))
    await until_async(written(directory / "ready"), 20)
    os.kill(running.process.pid, signal.SIGKILL)
    ended = await running.wait()
    # podman's monitor is killed with the client; if that sees the container die first, it says by which signal
    assert ended.code in (None, 137)
    assert not ended.ok


async def test_a_container_that_somebody_removes_is_no_success(
    runtime: ContainerRuntime, step: Describe, directory: Path, world: World
) -> None:
    running = await runtime.run(await step("echo > ready; sleep 1000", working_directory=str(directory)))
    await until_async(written(directory / "ready"), 20)
    engine = await world.engine()
    await engine.force_away(running.name)
    assert not (await running.wait()).ok


async def test_many_run_at_once_and_leave_nothing(
    runtime: ContainerRuntime, step: Describe, directory: Path
) -> None:
    async def run(number: int) -> StepExit:
        return await (await runtime.run(await step(f"echo {number}; exit {number % 3}"))).wait()

    exits = await asyncio.gather(*(run(number) for number in range(6)))
    assert [ended.code for ended in exits] == [number % 3 for number in range(6)]
    assert sorted(log_of(directory).split()) == [str(number) for number in range(6)]


async def test_cancelling_a_start_leaves_no_container(runtime: ContainerRuntime, step: Describe) -> None:
    command = await step("sleep 1000")
    for delay in (0, 0.01, 0.05):
        start = asyncio.create_task(runtime.run(command))
        await asyncio.sleep(delay)
        if start.cancel():
            with pytest.raises(asyncio.CancelledError):
                await start
        else:
            await start.result().stop(0)


@pytest.mark.parametrize("world", ["docker"], indirect=True)
async def test_closing_removes_what_still_runs(
    runtime: ContainerRuntime, step: Describe, supervisor: Supervisor, directory: Path, world: World
) -> None:
    running = await runtime.run(await step("echo > ready; sleep 1000", working_directory=str(directory)))
    await until_async(written(directory / "ready"), 20)
    await supervisor.close()
    await runtime.close()
    engine = await world.engine()
    assert await engine.containers("stepcache.engine") == []
    assert not (await running.wait()).ok
    with pytest.raises(StepcacheError, match="closed"):
        await runtime.run(await step())


async def test_containers_are_labelled(
    runtime: ContainerRuntime, step: Describe, directory: Path, world: World
) -> None:
    labels = {"run": "run 7", "task": "train/for-loop 1", "claim": "c0ffee"}
    running = await runtime.run(
        await step("echo > ready; sleep 1000", labels=labels, working_directory=str(directory))
    )
    await until_async(written(directory / "ready"), 20)
    engine = await world.engine()
    assert running.name.startswith("stepcache-train-for-loop-1-")
    for label in ("stepcache.run=run 7", "stepcache.task=train/for-loop 1", "stepcache.claim=c0ffee"):
        assert len(await engine.containers(label)) == 1
    await running.stop(0)
