from __future__ import annotations

import asyncio
import os
import shutil
import stat
import threading
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from stepcache.errors import InputError, StepcacheError
from stepcache.executors import host
from stepcache.executors.environments.environments import Environments
from stepcache.executors.environments.request import Request
from stepcache.executors.supervisor import Supervisor
from tests.executors.environments import steps
from tests.executors.environments.conftest import Opening
from tests.executors.environments.gates import open_when_waited_for
from tests.executors.environments.packages import source, wheel

Wanting = Callable[..., Request]
_KFP = metadata.version("kfp")


def _left_over(home: Path) -> list[str]:
    """What is no lock, layer or cache below a home."""
    return [str(path) for name in ("layers", "requests", "locks") for path in home.glob(f"environments/{name}/.*")]


async def test_holds_what_is_asked_for_and_kfp_and_pip(opened: Opening, wanted: Wanting, tmp_path: Path) -> None:
    environment = await opened().ready(wanted("Alpha<2"))
    assert environment.lock.distributions == {"alpha": "1.0", "beta": "1.0", "kfp": _KFP}
    program = "import alpha, beta, pip, kfp.dsl.executor_main as e; print(alpha.VERSION, beta.VERSION, e.__file__)"
    answer = steps.python(environment.overlay(tmp_path / "python"), program).split()
    assert answer[:2] == ["1.0", "1.0"]
    assert str(tmp_path) in answer[2]


async def test_holds_nothing_else(opened: Opening, wanted: Wanting, tmp_path: Path) -> None:
    environment = await opened().ready(wanted("beta"))
    overlay = environment.overlay(tmp_path / "python")
    assert steps.python(overlay, "import importlib.util as u; print(u.find_spec('yaml'))") == "None"
    assert steps.run(overlay, "pip", "list", "--format=freeze").split() == [
        "beta==1.0",
        f"kfp=={_KFP}",
        f"pip=={metadata.version('pip')}",
    ]


async def test_a_marker_that_does_not_hold_asks_for_nothing(
    opened: Opening, wanted: Wanting, tmp_path: Path
) -> None:
    environment = await opened().ready(wanted("alpha; python_version < '3'"))
    assert environment.lock.distributions == {"kfp": _KFP}
    assert steps.python(environment.overlay(tmp_path / "python"), "import kfp, pip") == ""


async def test_describes_what_enters_a_key(opened: Opening, wanted: Wanting) -> None:
    environment = await opened().ready(wanted("beta"))
    of_engine = opened().of_engine()
    assert of_engine.described() == host.describe()
    assert environment.described() == {**host.describe(), "lock": environment.lock.digest}


async def test_resolves_a_set_once(opened: Opening, wanted: Wanting, links: Path) -> None:
    assert opened().kept(wanted("alpha")) is None
    first = await opened().lock(wanted("alpha"))
    wheel(links, "alpha", "3.0")
    assert await opened().lock(wanted("alpha")) == first
    assert opened().kept(wanted("alpha")) == first
    assert opened().kept(wanted("alpha", "beta")) is None


async def test_a_refresh_resolves_again_and_once(opened: Opening, wanted: Wanting, links: Path) -> None:
    first = await opened().lock(wanted("alpha"))
    wheel(links, "alpha", "3.0")
    refreshing = opened(refresh=True)
    assert refreshing.kept(wanted("alpha")) == first
    assert refreshing.kept_now(wanted("alpha")) is None
    second = await refreshing.lock(wanted("alpha"))
    assert refreshing.kept(wanted("alpha")) == refreshing.kept_now(wanted("alpha")) == second
    assert (first.distributions["alpha"], second.distributions["alpha"]) == ("2.0", "3.0")
    wheel(links, "alpha", "4.0")
    assert await refreshing.lock(wanted("alpha")) == second
    assert await opened().lock(wanted("alpha")) == second


async def test_locks_are_found_by_their_digest(opened: Opening, wanted: Wanting, links: Path) -> None:
    first = await opened().lock(wanted("alpha"))
    wheel(links, "alpha", "3.0")
    second = await opened(refresh=True).lock(wanted("alpha"))
    assert opened().find(first.digest) == first
    assert opened().find(second.digest) == second
    assert opened().find("0" * 64) is None
    of_engine = opened().of_engine().lock
    assert opened().find(of_engine.digest) is None
    await opened().remember(of_engine)
    assert opened().find(of_engine.digest) == of_engine


async def test_a_refresh_that_fails_leaves_the_lock_that_was_kept(
    opened: Opening, wanted: Wanting, links: Path
) -> None:
    first = await opened().lock(wanted("alpha"))
    for path in links.iterdir():
        path.unlink()
    with pytest.raises(InputError):
        await opened(refresh=True).lock(wanted("alpha"))
    assert await opened().lock(wanted("alpha")) == first


async def test_needs_no_package_to_name_what_was_resolved(
    opened: Opening, wanted: Wanting, links: Path, home: Path
) -> None:
    await opened().lock(wanted("alpha"))
    layers = {path.name.partition("-")[0] for path in (home / "environments/layers").iterdir()}
    assert layers == {"kfp", "pip"}  # nothing was installed to know the key


async def test_a_damaged_kept_lock_is_resolved_again(opened: Opening, wanted: Wanting, home: Path) -> None:
    first = await opened().lock(wanted("alpha"))
    for path in (home / "environments").glob("requests/*.json"):
        path.write_bytes(path.read_bytes()[:20])
    for path in (home / "environments").glob("locks/*.txt"):
        path.write_text("alpha==9")
    assert opened().find(first.digest) is None
    assert await opened().lock(wanted("alpha")) == first


async def test_the_engines_kfp_is_preferred_and_the_authors_counts(
    opened: Opening, wanted: Wanting, links: Path, tmp_path: Path
) -> None:
    wheel(links, "kfp", "99.0")
    wheel(links, "kfp", _KFP)
    wheel(links, "plugin", requires=["kfp>=2"])
    open_ended = await opened().lock(wanted("plugin"))
    assert open_ended.distributions["kfp"] == _KFP
    assert "kfp==" + _KFP + " --hash" in open_ended.text  # with its dependencies, so from the index
    environment = await opened().ready(wanted("plugin", "kfp>90"))
    assert environment.lock.distributions["kfp"] == "99.0"
    program = "import kfp; print(kfp.VERSION)"
    assert steps.python(environment.overlay(tmp_path / "python"), program) == "99.0"


async def test_another_kfp_of_the_engine_is_another_lock_of_the_same_packages(
    opened: Opening, wanted: Wanting, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await opened().lock(wanted("alpha"))
    monkeypatch.setattr("stepcache.executors.environments.kept.installed", lambda: {"kfp": "2.99"})
    second = await opened().lock(wanted("alpha"))
    assert second.distributions == {**first.distributions, "kfp": "2.99"}
    assert second.digest != first.digest


async def test_many_ask_and_it_is_made_once(opened: Opening, wanted: Wanting) -> None:
    reported: list[str] = []
    environments = opened(report=reported.append)
    made = await asyncio.gather(*(environments.ready(wanted("alpha")) for _ in range(20)))
    assert reported == ["resolving 'alpha'", "installing 2 packages for 'alpha'"]
    assert all(one is made[0] for one in made)
    again: list[str] = []
    other = await opened(report=again.append).ready(wanted("alpha"))
    assert again == []
    assert other == made[0]


async def test_equal_locks_share_one_layer(opened: Opening, wanted: Wanting) -> None:
    one = await opened().ready(wanted("alpha"))
    other = await opened().ready(wanted("beta", "alpha==2.0"))
    assert one == other


async def test_everything_is_read_only(opened: Opening, wanted: Wanting) -> None:
    environment = await opened().ready(wanted("alpha"))
    for layer in environment.layers:
        root = layer.parents[2]
        paths = [root, *root.rglob("*")]
        assert len(paths) > 10
        assert [path for path in paths if stat.S_IMODE(path.lstat().st_mode) & 0o222] == []


async def test_nothing_is_shared_with_the_cache(opened: Opening, wanted: Wanting) -> None:
    environment = await opened().ready(wanted("alpha"))
    assert (environment.layers[0] / "alpha.py").stat().st_nlink == 1


async def test_byte_code_is_there(opened: Opening, wanted: Wanting) -> None:
    environment = await opened().ready(wanted("alpha"))
    for layer, name in zip(environment.layers, ["alpha.py", "kfp/__init__.py", "pip/__init__.py"], strict=True):
        cached = layer / name
        assert list(cached.parent.glob(f"__pycache__/{cached.stem}.*.pyc")) != []


async def test_an_environment_that_was_altered_is_made_again(
    opened: Opening, wanted: Wanting, tmp_path: Path, home: Path
) -> None:
    layer = (await opened().ready(wanted("alpha"))).layers[0]
    for path in (layer, layer / "alpha.py"):
        path.chmod(0o755)
    (layer / "alpha.py").write_text("VERSION = 'altered'\n")
    (layer / "yaml.py").write_text("")
    (layer / "beta.py").unlink()
    reported: list[str] = []
    environment = await opened(report=reported.append).ready(wanted("alpha"))
    assert reported == ["installing 2 packages for 'alpha'"]
    program = "import alpha, beta, importlib.util as u; print(alpha.VERSION, u.find_spec('yaml'))"
    assert steps.python(environment.overlay(tmp_path / "python"), program) == "2.0 None"
    assert _left_over(home) == []


async def test_byte_code_that_a_step_adds_is_no_change(opened: Opening, wanted: Wanting) -> None:
    layer = (await opened().ready(wanted("alpha"))).layers[0]
    (layer / "__pycache__").chmod(0o755)
    (layer / "__pycache__" / "alpha.cpython-399.opt-2.pyc").write_bytes(b"code")
    reported: list[str] = []
    await opened(report=reported.append).ready(wanted("alpha"))
    assert reported == []


async def test_the_content_of_a_directory_is_part_of_the_lock(opened: Opening, tmp_path: Path) -> None:
    tree = source(tmp_path / "tree", "gamma")
    request = Request.of([str(tree)], ["--no-index"])
    first = (await opened().ready(request)).lock
    assert first.distributions["gamma"] == tree.as_uri()
    assert await opened(refresh=True).lock(request) == first
    (tree / "more.py").write_text("pass")
    second = await opened(refresh=True).lock(request)
    assert second.digest != first.digest


async def test_a_file_that_changed_since_is_refused(
    opened: Opening, wanted: Wanting, links: Path, home: Path
) -> None:
    await opened().lock(wanted("alpha==1.0"))
    wheel(links, "alpha", "1.0", files={"alpha_too.py": ""})
    shutil.rmtree(home / "environments/cache")  # which has the file that was meant
    with pytest.raises(StepcacheError, match="another file than when") as caught:
        await opened().ready(wanted("alpha==1.0"))
    assert "--refresh-env" in caught.value.remedy
    await opened(refresh=True).ready(wanted("alpha==1.0"))


async def test_a_pip_that_is_asked_for_comes_first(
    opened: Opening, wanted: Wanting, links: Path, tmp_path: Path
) -> None:
    wheel(links, "pip", "1.0")
    environment = await opened().ready(wanted("pip"))
    program = "import pip; print(pip.VERSION)"
    assert steps.python(environment.overlay(tmp_path / "python"), program) == "1.0"


@pytest.mark.parametrize(
    ("requirements", "told"),
    [
        (["no-such-package"], "no-such-package"),
        (["alpha==7"], "alpha==7"),
        (["alpha", "beta>3"], "beta"),
        (["this is none"], "this is none"),
        (["/not/there-1.0-py3-none-any.whl"], "there"),
    ],
)
async def test_what_nothing_satisfies_is_the_users_mistake(
    requirements: list[str], told: str, opened: Opening, wanted: Wanting, home: Path
) -> None:
    with pytest.raises(InputError, match=told) as caught:
        await opened().ready(wanted(*requirements))
    assert str(caught.value).startswith(f"cannot resolve '{requirements[0]}'")
    assert caught.value.remedy
    assert _left_over(home) == []


@pytest.mark.parametrize("offline", [True, False])
async def test_an_index_that_is_not_reached_is_no_mistake(offline: bool, opened: Opening) -> None:
    settings = {"UV_OFFLINE": "1"} if offline else {"UV_HTTP_RETRIES": "0"}
    request = Request.of(["alpha"], ["--index-url", "http://me:secret@127.0.0.1:9/simple"])
    with pytest.raises(StepcacheError, match="cannot be reached") as caught:
        await opened(inherited={"PATH": os.environ["PATH"], **settings}).ready(request)
    assert not isinstance(caught.value, InputError)
    assert "secret" not in str(caught.value)


async def test_a_build_that_fails_is_told_with_its_last_lines(opened: Opening, tmp_path: Path, home: Path) -> None:
    request = Request.of([str(source(tmp_path / "tree", "gamma", "raise SystemExit('the pipe is broken')"))])
    with pytest.raises(StepcacheError, match="the pipe is broken") as caught:
        await opened().ready(request)
    assert not isinstance(caught.value, InputError)
    assert len(str(caught.value).splitlines()) < 16
    assert _left_over(home) == []


async def test_what_failed_can_be_tried_again(opened: Opening, wanted: Wanting, links: Path) -> None:
    environments = opened()
    with pytest.raises(InputError):
        await environments.ready(wanted("gamma"))
    wheel(links, "gamma")
    assert (await environments.ready(wanted("gamma"))).lock.distributions["gamma"] == "1.0"


async def test_the_last_who_gives_up_ends_the_work(opened: Opening, tmp_path: Path, home: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    waiting = f"print(__import__('os').getpid(), open({str(tmp_path / 'gate')!r}).read())"
    request = Request.of([str(source(tmp_path / "tree", "gamma", waiting))], ["--no-index"])
    environments = opened()
    first, second = (asyncio.ensure_future(environments.ready(request)) for _ in range(2))
    gate = await asyncio.to_thread(open_when_waited_for, tmp_path / "gate")
    try:
        first.cancel()
        await asyncio.wait([first])
        assert not second.done()
        second.cancel()
        await asyncio.wait([second])
        with pytest.raises(BrokenPipeError):
            os.write(gate, b"go on")  # nobody reads any more: the build has ended
    finally:
        os.close(gate)
    assert _left_over(home) == []
    assert threading.active_count() < 20


async def test_an_engine_without_kfp_says_so(
    opened: Opening, wanted: Wanting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepcache.executors.environments.kept.installed", dict)
    with pytest.raises(StepcacheError, match="kfp is not installed where stepcache runs"):
        await opened().lock(wanted("alpha"))


async def test_a_home_that_cannot_be_written(supervisor: Supervisor, tmp_path: Path, wanted: Wanting) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StepcacheError, match="file"):
        await Environments(tmp_path / "file", supervisor).ready(wanted("alpha"))


async def test_paths_with_spaces_and_other_letters(
    supervisor: Supervisor, wanted: Wanting, home: Path, tmp_path: Path
) -> None:
    home = home.rename(tmp_path / 'Zoë\'s "own" home')
    environment = await Environments(home, supervisor).ready(wanted("alpha"))
    overlay = environment.overlay(home / "a step" / "python")
    assert steps.python(overlay, "import alpha; print(alpha.VERSION)") == "2.0"
    assert steps.run(overlay, "say-where") == str(overlay.python)
    assert "pip" in steps.run(overlay, "pip", "--version")


async def test_a_package_of_the_public_index(opened: Opening, tmp_path: Path) -> None:
    environment = await opened().ready(Request.of(["six==1.16.0"]))
    assert "--hash=sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254" in environment.lock.text
    program = "import six; print(six.__version__)"
    assert steps.python(environment.overlay(tmp_path / "python"), program) == "1.16.0"
