"""``stepcache rerun``: run again what an earlier run ran."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from stepcache.cli import bindings_options, completers, event_loop, places, run_options, run_reference

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stepcache.cli import execution
    from stepcache.pipelines.engine import Options
    from stepcache.pipelines.model import JsonValue, Pipeline
    from stepcache.pipelines.platform.bindings import Bindings
    from stepcache.pipelines.policy import Rule
    from stepcache.pipelines.root_inputs import Given
    from stepcache.pipelines.run_request import KeptRequest
    from stepcache.stores.runs import RunRow

HELP = "run again what an earlier run ran"
EPILOG = """The pipeline, its inputs, its policies and the options are those of the run, whatever has become of the
file since, and from whatever directory. Secrets and config maps are read again from where they were.

examples:
  stepcache rerun latest
  stepcache rerun 3f2a --from train
  stepcache rerun 3f2a -p epochs=5

exit codes:
  0 succeeded, 1 the run failed, 2 bad input, 3 store unavailable, 130 interrupted"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``stepcache rerun``."""
    run_reference.add_argument(parser)
    start = parser.add_argument(
        "--from",
        dest="start",
        metavar="TASK",
        help="execute this task and everything after it anew, and reuse what comes before",
    )
    completers.attach(start, completers.tasks)
    parser.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a parameter to another value (repeatable)",
    )
    parser.add_argument(
        "-a",
        "--input-artifact",
        action="append",
        default=[],
        metavar="NAME=PATH|URI",
        help="set an artifact to another one (repeatable)",
    )
    bindings_options.add_arguments(parser)
    run_options.add_reuse_arguments(parser)
    parser.add_argument("--json", action="store_true", help="end with one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Execute it; progress goes to standard error, and with it the reason of a failure."""
    from stepcache.cli import execution

    return execution.execute(arguments, _asked(arguments))


def _asked(arguments: argparse.Namespace) -> execution.Asked:
    """What is to be executed; nothing is made or changed until all of it is sound."""
    from stepcache.cli import execution
    from stepcache.pipelines import arguments as inputs
    from stepcache.pipelines import loading
    from stepcache.pipelines.kept_specs import KeptSpecs
    from stepcache.pipelines.run_request import Request

    earlier, kept, names = event_loop.run(_kept(arguments))
    document = _document(earlier, kept)
    home = places.settings(arguments).home
    specs = KeptSpecs(home / "pipelines")
    pipeline = loading.parse(document, source=f"the pipeline of run {earlier.run_id}", kept=specs)
    references = bindings_options.references(arguments).over(kept.references)
    bindings = _bindings(references.secrets, references.config_maps, references.volumes)
    root = inputs.resolve(pipeline.root, _given(arguments, earlier, kept, bindings))
    said = [*_from(arguments, pipeline, names), *run_options.rules(arguments)]
    options = _options(arguments, kept, bindings, said)
    from_files = len(kept.policies.rules) - kept.command_rules
    request = Request(
        document,
        references,
        command_rules=len(options.policies.rules) - from_files,
        rerun_of=earlier.run_id,
    )
    specs.write()
    return execution.Asked(pipeline, root, kept.source, options, request)


async def _kept(arguments: argparse.Namespace) -> tuple[RunRow, KeptRequest, list[str]]:
    """The run, what it was asked, and the names of its tasks."""
    from stepcache.errors import InputError
    from stepcache.pipelines.run_request import KeptRequest

    async with places.store_to_read(arguments) as store:
        run = await run_reference.resolve(arguments.run, store)
        text = await store.request(run.run_id)
        names = [task.name for task in await store.tasks(run.run_id)]
    remedy = f"stepcache run {run.source}"
    if text is None:
        raise InputError(f"what run {run.run_id} was asked is not kept", remedy=remedy)
    try:
        return run, KeptRequest.from_text(text), names
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"what run {run.run_id} was asked cannot be read: {error}", remedy=remedy) from error


def _document(run: RunRow, kept: KeptRequest) -> bytes:
    from stepcache.errors import InputError

    if kept.document is None:
        raise InputError(
            f"the pipeline of run {run.run_id} holds the value of a secret, so it was not kept",
            remedy=f"stepcache run {kept.source}",
        )
    return kept.document


def _bindings(secrets: tuple[str, ...], config_maps: tuple[str, ...], volumes: tuple[str, ...]) -> Bindings:
    from stepcache.pipelines.platform.bindings import Bindings

    return Bindings.parse(secrets, config_maps, volumes)


def _given(arguments: argparse.Namespace, run: RunRow, kept: KeptRequest, bindings: Bindings) -> Given:
    """The inputs of the run, and in the place of some of them what the command line says."""
    from stepcache.errors import InputError
    from stepcache.pipelines import arguments as inputs
    from stepcache.pipelines.root_inputs import Given

    texts = dict(inputs.split(arguments.parameter))
    artifacts = inputs.grouped(inputs.split(arguments.input_artifact, "-a"))
    concealed = {name: document for name, document in kept.concealed.items() if name not in texts}
    revealed = _revealed(concealed, bindings, places.settings(arguments).home)
    missing = [f"parameter '{name}'" for name in concealed if name not in revealed]
    missing += [f"the address of artifact '{name}'" for name in kept.withheld if name not in artifacts]
    if missing:
        options = [f"-p {name}=VALUE" for name in concealed if name not in revealed]
        options += [f"-a {name}=URI" for name in kept.withheld if name not in artifacts]
        raise InputError(
            f"run {run.run_id} was given a secret, which is not kept: {', '.join(missing)}",
            remedy=f"stepcache rerun {arguments.run} {' '.join(options)}",
        )
    values = {name: value for name, value in {**kept.parameters, **revealed}.items() if name not in texts}
    return Given(texts=texts, values=values, artifacts={**kept.artifacts, **artifacts})


def _revealed(
    concealed: Mapping[str, Mapping[str, JsonValue]], bindings: Bindings, home: Path
) -> dict[str, JsonValue]:
    """The values that can be put together again out of the secrets that are given."""
    from stepcache.pipelines.mask import Mask
    from stepcache.pipelines.platform.concealment import Concealment

    if not concealed:
        return {}
    concealment = Concealment(bindings, Mask.kept(home))
    found = {name: concealment.reveal(document) for name, document in concealed.items()}
    return {name: values.parameters[name] for name, values in found.items() if values is not None}


def _from(arguments: argparse.Namespace, pipeline: Pipeline, names: list[str]) -> list[Rule]:
    """The rule of ``--from``. A task may be named without the indices of loops, for all iterations."""
    from stepcache.cli import task_reference
    from stepcache.pipelines import downstream
    from stepcache.pipelines.policy import Policy, Rule

    if arguments.start is None:
        return []
    plain = [downstream.without_indices(name) for name in names]
    path = task_reference.find(dict.fromkeys([*names, *plain]), arguments.start, f"run {arguments.run}")
    within = frozenset((path, *downstream.of(pipeline, path)))
    return [Rule(Policy(max_staleness=0), within=within, source=f"--from {arguments.start}")]


def _options(arguments: argparse.Namespace, kept: KeptRequest, bindings: Bindings, said: list[Rule]) -> Options:
    from dataclasses import replace

    from stepcache.cache import staleness
    from stepcache.pipelines.engine import Options
    from stepcache.pipelines.policy import Policies

    rules = kept.settled_rules() if arguments.start else kept.policies.rules
    chosen = replace(kept.onto(Options()), bindings=bindings, policies=Policies((*rules, *said)))
    if arguments.wait_timeout is not None:
        chosen = replace(chosen, wait_timeout=staleness.seconds(arguments.wait_timeout))
    if arguments.max_parallel is not None:
        chosen = replace(chosen, max_parallel=arguments.max_parallel)
    return replace(chosen, refresh_environments=True) if arguments.refresh_env else chosen
