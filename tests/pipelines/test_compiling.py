"""Files that import KFP take its import's time, so what needs no KFP is shown without it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stepcache import processes
from stepcache.errors import InputError
from stepcache.pipelines import compiling
from stepcache.pipelines.loading import load
from stepcache.pipelines.model import Dag

COMPONENT = """
from kfp import dsl

@dsl.component
def add(a: int, b: int) -> int:
    return a + b
"""
PIPELINE = """
import os, sys
print("noise" * 10_000)
os.write(1, b"pipelineInfo: x\\n")
print("more", file=sys.stderr)
assert sys.argv == [{file!r}], sys.argv
assert sys.path[0] == {directory!r}, sys.path
assert sys.stdin.read() == ""
from helper import NAME  # beside this file
{component}
@dsl.pipeline(name=NAME)
def train(rate: float = 0.5, kitchen: str = "grün"):
    '''Grün.'''
    add(a=1, b=2)

the_same = train
open("ran-in-the-working-directory", "w").close()
if __name__ == "__main__":
    raise SystemExit("the main block ran")
"""


def _compile(path: Path, function: str = "") -> bytes:
    return compiling.compile_file(path, function)


def test_a_file_with_one_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    working, sources = tmp_path / "working", tmp_path / "sources"
    working.mkdir()
    sources.mkdir()
    monkeypatch.chdir(working)
    monkeypatch.setenv("_KFP_RUNTIME", "true")  # as inside a step, where KFP cannot compile
    file = "../sources/train.py"
    text = PIPELINE.format(file=file, directory=str(sources), component=COMPONENT)
    (sources / "train.py").write_text(text, encoding="utf-8")
    (sources / "helper.py").write_text("NAME = 'named-elsewhere'")

    pipeline = load(file)
    assert pipeline.name == "named-elsewhere"
    assert isinstance(pipeline.root.body, Dag)
    assert set(pipeline.root.body.tasks) == {"add"}
    assert pipeline.root.inputs["kitchen"].default == "grün"
    assert [path.name for path in working.iterdir()] == ["ran-in-the-working-directory"]
    assert not (sources / "__pycache__" / "train.cpython-311.pyc").exists()


def test_several_pipelines_are_told_apart_by_name(tmp_path: Path) -> None:
    path = tmp_path / "json.py"  # a name of the standard library's
    path.write_text(
        f"{COMPONENT}\nfrom other import imported\n"
        + "".join(f"@dsl.pipeline\ndef {name}():\n    add(a=1, b=2)\n" for name in ("first", "second"))
    )
    (tmp_path / "other.py").write_text(f"{COMPONENT}\n@dsl.pipeline\ndef imported():\n    add(a=1, b=2)\n")
    with pytest.raises(InputError, match="defines several pipelines: imported, first, second") as caught:
        load(path)
    assert f"{path}:" in caught.value.remedy
    with pytest.raises(InputError, match=r"has no pipeline 'frist' \(did you mean 'first'\?"):
        load(f"{path}:frist")
    assert load(f"{path}:second").name == "second"


def test_an_error_of_the_sdk_shows_the_line_and_the_users_own_frames(tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(f"{COMPONENT}\n@dsl.pipeline\ndef wrong(text: str):\n    add(a=text, b=2)\n")
    with pytest.raises(
        InputError, match=r"wrong\.py, line 10, does not compile: InconsistentTypeException"
    ) as caught:
        _compile(path)
    message = str(caught.value)
    assert "\n  |     add(a=text, b=2)" in message
    assert "pipeline_task.py" not in message
    assert str(path) in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "message", "tail"),
    [
        ("\n\ndef f(:\n", "line 3, does not compile: SyntaxError: invalid syntax", "def f(:"),
        ("x = 1\nimport absent\n", "line 2, does not compile: ModuleNotFoundError", "import absent"),
        ("import kfp_absent as kfp\n", "line 1, does not compile: ModuleNotFoundError", "kfp_absent"),
        (
            "def deep():\n    raise ValueError('one\\ntwo')\ndeep()\n",
            "line 2, does not compile: ValueError: one",
            "two",
        ),
        ("import sys\nsys.exit('enough')\n", "line 2, does not compile: it called sys.exit", "sys.exit('enough')"),
        ("raise KeyboardInterrupt\n", "line 1, does not compile: KeyboardInterrupt", "raise KeyboardInterrupt"),
        ("import os\nprint('last words', flush=True)\nos._exit(7)\n", "ended with exit code 7", "last words"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "process ended by signal 9", ""),
        ("x = 1\n", "defines no pipeline", ""),
        ("\0", "does not compile: ", ""),
        ("# coding: nonsense\n", "does not compile: SyntaxError", ""),
    ],
)
def test_a_file_that_fails_shows_where(tmp_path: Path, text: str, message: str, tail: str) -> None:
    path = tmp_path / "file.py"
    path.write_text(text)
    with pytest.raises(InputError, match=r"file\.py") as caught:
        _compile(path)
    first, *quoted = str(caught.value).split("\n  | ")
    assert message in first
    assert "\n" not in first
    assert tail in "\n".join(quoted)
    assert caught.value.remedy


def test_a_named_function_of_a_file_without_pipelines(tmp_path: Path) -> None:
    path = tmp_path / "file.py"
    path.write_text("def train(): ...\n")
    with pytest.raises(InputError, match=r"file\.py has no pipeline 'train'"):
        load(f"{path}:train")


def test_without_kfp_the_remedy_is_to_install_it(tmp_path: Path) -> None:
    path = tmp_path / "file.py"
    path.write_text("import sys\nsys.modules['kfp'] = None\nraise ModuleNotFoundError(\"No module named 'kfp'\")\n")
    with pytest.raises(InputError, match="line 3") as caught:
        _compile(path)
    assert "pip install kfp" in caught.value.remedy


def test_a_daemon_that_the_file_leaves_holds_nobody_up(tmp_path: Path) -> None:
    path, gate, pid = tmp_path / "file.py", tmp_path / "gate", tmp_path / "pid"
    os.mkfifo(gate)
    path.write_text(
        "import os, subprocess\n"
        f"child = subprocess.Popen(['cat', {str(gate)!r}], start_new_session=True)\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid))\n"
        "os._exit(3)\n"
    )
    with pytest.raises(InputError, match="exit code 3"):
        _compile(path)
    assert processes.find(int(pid.read_text())) is not None
    gate.open("w").close()


def test_one_component_is_compiled_and_no_kfp_loaded_into_this_process(tmp_path: Path) -> None:
    path = tmp_path / "file.py"
    path.write_text(COMPONENT)
    program = (
        "import sys\nfrom stepcache.pipelines.loading import load\n"
        f"assert load({str(path)!r}).name == 'add'\n"
        "assert not [name for name in sys.modules if name.split('.')[0] == 'kfp']\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ)
