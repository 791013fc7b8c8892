import subprocess
import sys
from pathlib import Path

import pytest

from stepcache.pipelines import messages

SAMPLE = Path(__file__).parent.parent / "data" / "pipelines" / "add_numbers.yaml"

WITHOUT_KFP = """
import sys

class NoKfp:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "kfp":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NoKfp())
"""
LOAD = f"""
from pathlib import Path
from stepcache.pipelines.loading import load
assert load(Path({str(SAMPLE)!r})).name
assert not [name for name in sys.modules if name.split(".")[0] == "kfp"]
"""
BESIDE_KFP = f"""
import sys
import kfp.pipeline_spec.pipeline_spec_pb2 as theirs
from pathlib import Path
from stepcache.pipelines.loading import load
assert load(Path({str(SAMPLE)!r})).name
from stepcache.pipelines import messages
assert messages.parse("PipelineSpec", {{}}).DESCRIPTOR is not theirs.PipelineSpec.DESCRIPTOR
"""


@pytest.mark.parametrize(
    "program",
    [WITHOUT_KFP + LOAD, "import sys\n" + LOAD, BESIDE_KFP],
    ids=["without kfp", "kfp not imported", "beside"],
)
def test_messages_do_not_depend_on_an_imported_kfp(program: str) -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)


def test_an_unknown_field_is_named_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"nonsense.*PipelineSpec\.root"):
        messages.parse("PipelineSpec", {"root": {"nonsense": 1}})


def test_the_document_form_is_camel_case_whatever_was_given() -> None:
    message = messages.parse("PipelineSpec", {"pipeline_info": {"name": "x"}})
    assert messages.to_document(message) == {"pipelineInfo": {"name": "x"}}
