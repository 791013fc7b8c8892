"""The samples of kubeflow/pipelines, and what each of them needs and is meant to do."""

from __future__ import annotations

from pathlib import Path

from stepcache.pipelines import arguments, loading
from stepcache.pipelines.engine import Options
from stepcache.pipelines.model import Pipeline
from stepcache.pipelines.platform.bindings import Bindings
from stepcache.pipelines.root_inputs import Given, RootInputs

SAMPLES = Path(__file__).parents[1] / "data" / "pipelines"

MEANT_TO_FAIL = {
    "fail_v2",
    "pipeline_as_exit_task",
    "pipeline_with_exit_handler",
    "pipeline_with_multiple_exit_handlers",
}
NEEDS = {
    "modelcar": "an image of a model from a registry",
    "pipeline_with_artifact_upload_download": "a data set of Hugging Face's",
    "pipeline_with_dynamic_task_output_custom_training_job": "Google Cloud",
    "pipeline_with_importer": "Google Cloud Storage",
    "pipeline_with_various_io_types": "the program of the image gcr.io/image",
    "pythonic_artifact_with_single_return": "Google Cloud Storage",
    "ray_integration_compiled": "a Ray cluster",
    "two_step_pipeline": "Google Cloud's gsutil",
}
"""What a sample needs that is not on this machine; it ends FAILED."""

PARAMETERS: dict[str, dict[str, str]] = {
    "add_numbers": {"a": "1", "b": "2"},
    "arguments_parameters": {"param2": "x"},
    "dict_input": {"struct": '{"a": 1}'},
    "env-var": {"env_var": "HOME"},
    "identity": {"value": "v"},
    "lightweight_python_functions_pipeline": {"message": "m"},
    "pipeline_with_dynamic_task_output_custom_training_job": {"location": "l", "project": "p"},
    "pipeline_with_parallelfor_pipeline_param": {"loop_parameter": '["a", "b"]', "prefix": "p"},
    "pipeline_with_various_io_types": {"input1": "x"},
    "preprocess": {"input_dict_parameter": '{"A": 1}', "input_list_parameter": '["a"]', "message": "m"},
}
ARTIFACTS = {
    "component_with_metadata_fields": ("dataset_a", "dataset_b"),
    "input_artifact": ("data",),
    "pipeline_with_various_io_types": ("input3",),
}
HEAVY = {"pipeline_with_artifact_upload_download", "ray_integration_compiled"}
"""Need hundreds of megabytes of packages before they fail for want of something else."""
SLOW = {"log_streaming_compiled"}
"""Sleeps for a minute."""


def prepare(directory: Path) -> None:
    """Make in ``directory`` what the samples are given."""
    (directory / "data.txt").write_text("1")
    (directory / "secret.env").write_text("username=user\npassword=planted-secret\n")


def chosen() -> list[Path]:
    """Those that this machine has what it takes for, in the time of a test."""
    return [path for path in sorted(SAMPLES.glob("*.yaml")) if path.stem not in HEAVY | SLOW]


def given(path: Path, directory: Path) -> tuple[Pipeline, RootInputs, Options]:
    """A sample and what it is run with; ``directory`` was prepared."""
    pipeline = loading.load(path)
    parameters: dict[str, str] = PARAMETERS.get(path.stem, {})
    if path.stem == "local_execution_pipeline_with_retry":
        parameters = {"counter_path": str(directory / "counter")}
    artifacts = {name: (str(directory / "data.txt"),) for name in ARTIFACTS.get(path.stem, ())}
    inputs = arguments.resolve(pipeline.root, Given(texts=parameters, artifacts=artifacts))
    secrets = [f"test-secret-{number}={directory / 'secret.env'}" for number in (1, 2, 3)]
    return pipeline, inputs, Options(host_commands=True, bindings=Bindings.parse(secrets))
