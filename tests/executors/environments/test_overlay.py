"""What a step installs is the step's own: for steps with packages of their own, and on the engine's own Python."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
import uv

from stepcache.executors import lightweight
from stepcache.executors.environments import trees
from stepcache.executors.environments.environment import Environment
from stepcache.executors.environments.interpreter import Interpreter
from stepcache.executors.environments.overlay import Overlay
from stepcache.executors.environments.request import Request
from tests.executors.environments import steps
from tests.executors.environments.conftest import Opening
from tests.executors.environments.packages import wheel

Wanting = Callable[..., Request]
_COMMANDS = json.loads((Path(__file__).parents[2] / "data/lightweight_commands.json").read_text())


@pytest.fixture(params=["shared", "engine"])
async def environment(request: pytest.FixtureRequest, opened: Opening, wanted: Wanting) -> Environment:
    if request.param == "engine":
        return opened().of_engine()
    return await opened().ready(wanted("alpha==1.0"))


@pytest.fixture
def install(links: Path) -> Callable[..., tuple[str, ...]]:
    """The arguments of pip that install from ``links``."""
    return lambda *what: ("install", "--quiet", "--no-index", "--find-links", str(links), *what)


def _signatures(environment: Environment) -> list[str]:
    # the scripts too, of a Python or an environment that holds nothing else
    return [trees.summary(root, "").signature for root in (*environment.layers, *environment.scripts)]


Installing = Callable[..., tuple[str, ...]]
_WHERE = "import {0}; print({0}.VERSION, {0}.__file__)"


@pytest.mark.parametrize("tool", ["pip", "sys.executable", "uv"])
def test_a_step_installs_for_itself(
    tool: str, environment: Environment, links: Path, install: Installing, tmp_path: Path
) -> None:
    wheel(links, "gamma", commands=["say-gamma"])
    before = _signatures(environment)
    overlay = environment.overlay(tmp_path / "step" / "python")
    if tool == "sys.executable":
        program = (
            "import subprocess, sys\n"
            f"subprocess.check_call([sys.executable, '-m', 'pip', *{install('gamma')!r}])\n"
            "import gamma\nprint(gamma.VERSION)"
        )
        assert steps.python(overlay, program) == "1.0"
    elif tool == "uv":
        steps.run(overlay, uv.find_uv_bin(), "--no-cache", "pip", *install("gamma"))
    else:
        steps.run(overlay, "pip", *install("gamma"))
    assert steps.python(overlay, _WHERE.format("gamma")) == f"1.0 {overlay.site_packages}/gamma.py"
    assert steps.run(overlay, "say-gamma").startswith(f"{overlay.prefix}/bin/python")
    other = environment.overlay(tmp_path / "other" / "python")
    assert steps.python(other, "import importlib.util as u; print(u.find_spec('gamma'))") == "None"
    assert _signatures(environment) == before


def test_a_step_replaces_what_it_shares_for_itself(
    environment: Environment, links: Path, install: Installing, tmp_path: Path
) -> None:
    wheel(links, "kfp", "99.0")  # what kfp.local's step did to the user's
    before = _signatures(environment)
    overlay = environment.overlay(tmp_path / "step" / "python")
    output = steps.run(overlay, "pip", *install("--upgrade", "kfp"))
    assert steps.python(overlay, _WHERE.format("kfp")) == f"99.0 {overlay.site_packages}/kfp.py", output
    other = environment.overlay(tmp_path / "other" / "python")
    assert steps.python(other, "import kfp; print(kfp.__version__)") == metadata.version("kfp")
    assert _signatures(environment) == before


def test_a_step_removes_only_what_it_installed(
    environment: Environment, links: Path, install: Installing, tmp_path: Path
) -> None:
    wheel(links, "gamma")
    before = _signatures(environment)
    overlay = environment.overlay(tmp_path / "step" / "python")
    steps.run(overlay, "pip", *install("gamma"))
    output = steps.run(overlay, "pip", "uninstall", "-y", "kfp", "gamma", check=False)
    assert "outside environment" in output
    assert steps.python(overlay, "import kfp, importlib.util as u; print(u.find_spec('gamma'))") == "None"
    assert _signatures(environment) == before


async def test_a_step_builds_on_what_it_shares(
    opened: Opening, wanted: Wanting, links: Path, install: Installing, tmp_path: Path
) -> None:
    wheel(links, "gamma", requires=["alpha", "beta<2"])
    overlay = (await opened().ready(wanted("alpha==1.0"))).overlay(tmp_path / "python")
    steps.run(overlay, "pip", *install("gamma"))
    assert sorted(path.name for path in overlay.site_packages.glob("*.py")) == ["gamma.py"]


async def test_commands_run_by_the_python_of_the_step(
    opened: Opening, wanted: Wanting, links: Path, install: Installing, tmp_path: Path
) -> None:
    environment = await opened().ready(wanted("alpha==1.0"))
    assert [path.name for path in environment.scripts[0].iterdir()] == ["say-where"]
    overlay = environment.overlay(tmp_path / "python")
    assert steps.run(overlay, "say-where") == str(overlay.python)
    steps.run(overlay, "pip", *install("alpha==2.0"))
    assert steps.run(overlay, "which", "say-where") == str(overlay.prefix / "bin" / "say-where")
    assert steps.run(overlay, "which", "-a", "python3").splitlines()[0] == str(overlay.python)


async def test_data_is_found_below_the_prefix_and_replaced_for_the_step_alone(
    opened: Opening, wanted: Wanting, links: Path, install: Installing, tmp_path: Path
) -> None:
    read = "import sys, pathlib; print(pathlib.Path(sys.prefix, 'share/beta/data.txt').read_text())"
    environment = await opened().ready(wanted("beta"))
    overlay = environment.overlay(tmp_path / "step" / "python")
    assert steps.python(overlay, read) == "shared"
    wheel(links, "beta", "2.0", files={"beta-2.0.data/data/share/beta/data.txt": "own"})
    steps.run(overlay, "pip", *install("beta==2.0"))
    assert steps.python(overlay, read) == "own"
    assert steps.python(environment.overlay(tmp_path / "other" / "python"), read) == "shared"


def test_the_variables_put_the_step_first() -> None:
    overlay = Overlay(Path("/s/python"), Path("/s/python/lib"), (Path("/s/python/bin"), Path("/layer/bin")))
    assert overlay.variables({"PATH": "/usr/bin", "A": "b"}) == {
        "PATH": "/s/python/bin:/layer/bin:/usr/bin",
        "A": "b",
        "VIRTUAL_ENV": "/s/python",
        "UV_LINK_MODE": "copy",
    }
    assert overlay.variables({})["PATH"] == "/s/python/bin:/layer/bin"


def test_the_engines_packages_are_those_of_the_engine(opened: Opening, tmp_path: Path) -> None:
    overlay = opened().of_engine().overlay(tmp_path / "python")
    program = "import yaml, kfp, sys; print(yaml.__file__, kfp.__file__, sys.base_prefix)"
    by_engine = subprocess.run(
        [sys.executable, "-c", program], env=lightweight.ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert steps.python(overlay, program) == by_engine.stdout.strip()


def test_an_overlay_is_an_ordinary_virtual_environment(
    environment: Environment, interpreter: Interpreter, tmp_path: Path
) -> None:
    overlay = environment.overlay(tmp_path / "step" / "python")
    program = "import sys, sysconfig; print(sys.prefix, sys.executable, sysconfig.get_path('purelib'), sys.version)"
    told = steps.python(overlay, program).split()
    assert told[:3] == [str(overlay.prefix), str(overlay.python), str(overlay.site_packages)]
    assert told[3] == interpreter.version
    steps.run(overlay, "python3", "-m", "venv", "--without-pip", "nested")
    assert (tmp_path / "step" / "nested" / "bin" / "python3").resolve() == interpreter.path.resolve()


@pytest.mark.parametrize("sdk", ["2.4.0", "2.17.3"])
def test_runs_a_component(sdk: str, environment: Environment, tmp_path: Path) -> None:
    (recorded,) = (one for one in _COMMANDS if (one["case"], one["sdk"]) == ("plain", sdk))
    component = lightweight.parse(recorded["command"], recorded["args"])
    assert component is not None
    overlay = environment.overlay(tmp_path / "step" / "python")
    module = tmp_path / "step" / lightweight.MODULE_NAME
    module.write_text(component.source)
    answer = tmp_path / "answer.json"
    outputs = {"parameters": {"Output": {"outputFile": str(tmp_path / "output")}}, "outputFile": str(answer)}
    document = json.dumps({"inputs": {"parameterValues": {"text": "hello"}}, "outputs": outputs})
    command = lightweight.command(component, overlay.python, module)
    steps.run(overlay, *(document if word == "{{$}}" else word for word in command))
    assert json.loads(answer.read_text()) == {"parameterValues": {"Output": "HELLO"}}
