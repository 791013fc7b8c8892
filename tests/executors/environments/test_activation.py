from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stepcache.executors.environments import activation, trees
from stepcache.executors.environments.overlay import Overlay
from stepcache.executors.environments.request import Request
from tests.executors.environments import steps
from tests.executors.environments.conftest import Opening
from tests.executors.environments.packages import wheel

Wanting = Callable[..., Request]

_WORKER = """
import os, runpy, sys, multiprocessing.spawn, sysconfig
import kfp.dsl.executor_main
activate = runpy.run_path({activation!r})["activate"]
child = os.fork()
if child:
    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
os.environ.update({variables!r})
activate({prefix!r})
import subprocess
{program}
sys.stdout.flush()
os._exit(0)
"""


def _forked(worker: Overlay, overlay: Overlay, program: str) -> list[str]:
    """What a program prints that runs in a process forked from a worker, having become the process of a step."""
    variables = overlay.variables({"PATH": "/usr/bin:/bin"})
    text = _WORKER.format(
        activation=activation.__file__, variables=variables, prefix=str(overlay.prefix), program=program
    )
    return steps.python(worker, text).splitlines()


async def test_a_forked_process_is_that_of_its_step(opened: Opening, wanted: Wanting, tmp_path: Path) -> None:
    environment = await opened().ready(wanted("alpha==1.0"))
    worker, overlay = (environment.overlay(tmp_path / name / "python") for name in ("worker", "step"))
    program = """
import site, sysconfig, alpha
print(sys.prefix, sys.exec_prefix, sys.executable, sysconfig.get_path("purelib"), *site.getsitepackages())
print(multiprocessing.spawn.get_executable())
print(*sys.path[1:])
print(alpha.VERSION)
"""
    told = _forked(worker, overlay, program)
    assert told == steps.python(overlay, f"import sys, multiprocessing.spawn{program}").splitlines()
    assert told[0].split()[0] == str(overlay.prefix)


async def test_a_forked_process_installs_for_its_step(
    opened: Opening, wanted: Wanting, links: Path, tmp_path: Path
) -> None:
    wheel(links, "gamma")
    environment = await opened().ready(wanted("alpha==1.0"))
    worker, overlay = (environment.overlay(tmp_path / name / "python") for name in ("worker", "step"))
    before = trees.summary(worker.prefix, "")
    install = ["-m", "pip", "install", "-q", "--no-index", "--find-links", str(links), "gamma", "alpha==2.0"]
    program = f"""
subprocess.check_call([sys.executable, *{install!r}])
subprocess.check_call(["pip", "--version"], stdout=subprocess.DEVNULL)
import gamma, alpha
print(gamma.__file__, alpha.VERSION)
"""
    assert _forked(worker, overlay, program) == [f"{overlay.site_packages}/gamma.py 2.0"]
    assert trees.summary(worker.prefix, "") == before


async def test_works_upon_the_engines_packages(opened: Opening, tmp_path: Path) -> None:
    environment = opened().of_engine()
    worker, overlay = (environment.overlay(tmp_path / name / "python") for name in ("worker", "step"))
    assert _forked(worker, overlay, "import yaml; print(sys.prefix)") == [str(overlay.prefix)]


async def test_any_other_python_is_refused(opened: Opening, tmp_path: Path) -> None:
    overlay = opened().of_engine().overlay(tmp_path / "step" / "python")
    program = f"""
import runpy, sys
sys.path[:] = [path for path in sys.path if not path.startswith(sys.prefix)]
try:
    runpy.run_path({activation.__file__!r})["activate"]("/other")
except RuntimeError as error:
    print(error)
"""
    assert steps.python(overlay, program) == f"{overlay.python} is not the Python of an overlay"
