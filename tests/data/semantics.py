"""Pipelines that show what the language means, compiled by the real SDK: ``python semantics.py DIRECTORY``.

Each component appends its name to the file ``trace``, when it is given one, so that executions can be counted.
"""
# mypy: ignore-errors


import sys
from typing import List, NamedTuple, Optional

from kfp import compiler, dsl
from kfp.dsl import Artifact, Dataset, Input, Output

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def say(text: str, trace: str = "") -> str:
    if trace:
        with open(trace, "a") as file:
            file.write(f"{text}\n")
    return text


@dsl.component(base_image=IMAGE)
def fail_if(text: str, bad: str, trace: str = "") -> str:
    if trace:
        with open(trace, "a") as file:
            file.write(f"{text}\n")
    if text == bad:
        raise SystemExit(3)
    return text


@dsl.component(base_image=IMAGE)
def join(texts: List[str]) -> str:
    return ",".join(texts)


@dsl.component(base_image=IMAGE)
def nested_join(texts: List[List[str]]) -> str:
    return ";".join(",".join(inner) for inner in texts)


@dsl.component(base_image=IMAGE)
def write_data(text: str, data: Output[Dataset]) -> None:
    with open(data.path, "w") as file:
        file.write(text)
    data.metadata["length"] = len(text)


@dsl.component(base_image=IMAGE)
def read_data(data: Input[Dataset]) -> str:
    with open(data.path) as file:
        return file.read() + str(data.metadata["length"])


@dsl.component(base_image=IMAGE)
def read_all(data: Input[List[Dataset]]) -> str:
    return ",".join(open(item.path).read() for item in data)


@dsl.component(base_image=IMAGE)
def tell(status: dsl.PipelineTaskFinalStatus, trace: str) -> None:
    with open(trace, "a") as file:
        file.write(f"exit {status.state} {status.pipeline_task_name} {status.error_message or ''}\n")


@dsl.component(base_image=IMAGE)
def count_and_fail(trace: str, until: int) -> str:
    with open(trace, "a") as file:
        file.write("attempt\n")
    count = len(open(trace).read().split())
    if count < until:
        raise ValueError("not yet")
    return f"after {count}"


@dsl.component(base_image=IMAGE)
def numbers() -> NamedTuple("numbers", [("whole", int), ("half", float), ("yes", bool), ("items", list), ("map", dict)]):
    return (3, 0.5, True, [1, "a", None], {"b": 2, "a": [1.5]})


@dsl.component(base_image=IMAGE)
def describe(whole: int, half: float, yes: bool, items: list, map: dict, other: Optional[str] = None) -> str:  # noqa: A002
    import json

    return json.dumps([whole, half, yes, items, map, other], sort_keys=True)


@dsl.container_component
def in_image(text: str, result: dsl.OutputPath(str)):
    return dsl.ContainerSpec(
        image="alpine", command=["sh", "-c", 'mkdir -p "$(dirname "$1")"; printf %s "$0" > "$1"'], args=[text, result]
    )


@dsl.container_component
def with_structures(
    first: str,
    result: dsl.OutputPath(str),
    second: Optional[str] = None,
):
    return dsl.ContainerSpec(
        image="alpine",
        command=["sh", "-c", 'out="$1"; shift; mkdir -p "$(dirname "$out")"; printf "<%s>" "$@" > "$out"', "sh"],
        args=[
            result,
            dsl.ConcatPlaceholder(["--first=", first]),
            dsl.IfPresentPlaceholder("second", then=["--second", second], else_=["--none"]),
            dsl.IfPresentPlaceholder("second", then=dsl.ConcatPlaceholder(["x=", second])),
        ],
    )


@dsl.pipeline
def inner(text: str, trace: str = "") -> str:
    first = say(text=text, trace=trace)
    return say(text=f"{first.output}!", trace=trace).output


@dsl.pipeline
def conditions(coin: str, trace: str) -> str:
    with dsl.If(coin == "heads"):
        heads = say(text="heads", trace=trace)
        say(text="after heads", trace=trace).after(heads)
    with dsl.Elif(coin == "edge"):
        edge = say(text="edge", trace=trace)
    with dsl.Else():
        tails = say(text="tails", trace=trace)
    chosen = dsl.OneOf(heads.output, edge.output, tails.output)
    return say(text=chosen, trace=trace).output


@dsl.pipeline
def one_of_artifacts(coin: str) -> str:
    with dsl.If(coin == "heads"):
        heads = write_data(text="heads")
    with dsl.Else():
        tails = write_data(text="tails!")
    return read_data(data=dsl.OneOf(heads.outputs["data"], tails.outputs["data"])).output


@dsl.pipeline
def loops(trace: str, items: list = ["a", "b", "c"]) -> str:  # noqa: B006 - a default of a pipeline
    with dsl.ParallelFor(items) as item:
        first = say(text=item, trace=trace)
        second = say(text=f"{first.output}{first.output}", trace=trace)
    return join(texts=dsl.Collected(second.output)).output


@dsl.pipeline
def numbered(text: str) -> List[str]:
    with dsl.ParallelFor([7, 8]) as number:
        said = say(text=f"{text}{number}")
    return dsl.Collected(said.output)


@dsl.pipeline
def nested_loops() -> str:
    with dsl.ParallelFor(["a", "b"]) as item:
        with dsl.ParallelFor([1, 2]) as number:
            say(text=f"n{number}")
        lists = numbered(text=item)
    return nested_join(texts=dsl.Collected(lists.output)).output


@dsl.pipeline
def loop_with_condition(trace: str) -> str:
    with dsl.ParallelFor(["a", "b", "c"]) as item:
        said = say(text=item, trace=trace)
        with dsl.If(said.output != "b"):
            kept = say(text=f"kept {said.output}", trace=trace)
    return join(texts=dsl.Collected(kept.output)).output


@dsl.pipeline
def datasets() -> List[Dataset]:
    with dsl.ParallelFor(["x", "yy", "zzz"]) as item:
        made = write_data(text=item)
    return dsl.Collected(made.outputs["data"])


@dsl.pipeline
def loop_over_artifacts(trace: str) -> str:
    made = datasets()
    with dsl.ParallelFor(made.output, parallelism=1) as one:
        text = read_data(data=one)
        say(text=text.output, trace=trace)
    return read_all(data=made.output).output


@dsl.pipeline
def failing_loop(trace: str) -> str:
    with dsl.ParallelFor(["a", "bad", "c"]) as item:
        tried = fail_if(text=item, bad="bad", trace=trace)
        say(text=f"then {tried.output}", trace=trace)
    return join(texts=dsl.Collected(tried.output)).output


@dsl.pipeline
def failing_loop_one_by_one(trace: str) -> None:
    with dsl.ParallelFor(["a", "bad", "c"], parallelism=1) as item:
        fail_if(text=item, bad="bad", trace=trace)


@dsl.pipeline
def exit_handlers(trace: str, bad: str) -> None:
    with dsl.ExitHandler(tell(trace=trace)):
        first = fail_if(text="first", bad=bad, trace=trace)
        say(text="second", trace=trace).after(first)


@dsl.pipeline
def clean_up(trace: str) -> None:
    first = say(text="clean", trace=trace)
    say(text="up", trace=trace).after(first)


@dsl.pipeline
def exit_pipeline(trace: str) -> None:
    with dsl.ExitHandler(clean_up(trace=trace)):
        fail_if(text="x", bad="x", trace=trace)


@dsl.pipeline
def ignoring(trace: str) -> None:
    failed = fail_if(text="x", bad="x", trace=trace)
    say(text="all the same", trace=trace).after(failed).ignore_upstream_failure()
    say(text="never", trace=trace).after(failed)


@dsl.pipeline
def retries(trace: str, until: int) -> str:
    return count_and_fail(trace=trace, until=until).set_retry(num_retries=2, backoff_duration="0s").output


@dsl.pipeline
def types() -> str:
    made = numbers()
    return describe(
        whole=made.outputs["whole"],
        half=made.outputs["half"],
        yes=made.outputs["yes"],
        items=made.outputs["items"],
        map=made.outputs["map"],
    ).output


@dsl.pipeline
def nesting(trace: str) -> str:
    return inner(text=inner(text="a", trace=trace).output, trace=trace).output


@dsl.pipeline
def custom_key(text: str, trace: str) -> str:
    return say(text=text, trace=trace).set_caching_options(True, cache_key="mine").output


@dsl.pipeline
def dynamic_image(image: str, text: str) -> str:
    return in_image(text=text).set_container_image(image).outputs["result"]


@dsl.pipeline
def structures(second: Optional[str] = None) -> str:
    return with_structures(first="one", second=second).outputs["result"]


@dsl.pipeline
def imported(uri: str) -> str:
    source = dsl.importer(artifact_uri=uri, artifact_class=Dataset, metadata={"length": "n"})
    return read_data(data=source.output).output


@dsl.pipeline
def imported_anew(uri: str) -> str:
    source = dsl.importer(
        artifact_uri=uri, artifact_class=Dataset, reimport=True, metadata={"length": "n"}
    )
    return read_data(data=source.output).output


@dsl.component(base_image=IMAGE)
def name_of(given: Input[Artifact]) -> str:
    return open(given.path).read()


@dsl.pipeline
def artifact_of_the_root(given: Input[Artifact]) -> str:
    return name_of(given=given).output


@dsl.pipeline
def names(trace: str) -> str:
    return say(text=dsl.PIPELINE_TASK_NAME_PLACEHOLDER, trace=trace).output


PIPELINES = (
    conditions,
    one_of_artifacts,
    loops,
    nested_loops,
    loop_with_condition,
    loop_over_artifacts,
    failing_loop,
    failing_loop_one_by_one,
    exit_handlers,
    exit_pipeline,
    ignoring,
    retries,
    types,
    nesting,
    custom_key,
    dynamic_image,
    structures,
    imported,
    imported_anew,
    artifact_of_the_root,
    names,
)

if __name__ == "__main__":
    for pipeline in PIPELINES:
        compiler.Compiler().compile(pipeline, f"{sys.argv[1]}/{pipeline.pipeline_spec.pipeline_info.name}.yaml")
