"""Which work a task with an executor is."""

from __future__ import annotations

from stepcache.pipelines import importing, step_codes
from stepcache.pipelines.circumstances import Circumstances
from stepcache.pipelines.importing import Import
from stepcache.pipelines.model import Component, Container, OtherExecutor
from stepcache.pipelines.platform import claims
from stepcache.pipelines.platform.claim_work import ClaimWork
from stepcache.pipelines.platform.names import Known
from stepcache.pipelines.platform.pod import Pod
from stepcache.pipelines.platform.provision import Provision
from stepcache.pipelines.step import Step
from stepcache.pipelines.values import Values
from stepcache.pipelines.work import Work

_NOTHING = Provision()


async def of(component: Component, inputs: Values, known: Known, name: str, given: Circumstances) -> Work:
    """What the task with the path ``name``, which executes ``component``, does with these inputs.

    Raises ValueError, with a sentence for people, for an executor that nothing here executes, StepFailedError for
    requirements that cannot be resolved, and UnresolvedError where they are only looked up.
    """
    executor = given.pipeline.executors[str(component.body)]
    run = known.placeholders
    if isinstance(executor, Container):
        operation = claims.operation(executor)
        if operation is not None:
            return ClaimWork(component, operation, inputs)
        if component.task_configs:
            inputs = given.cluster.tell(component, executor, inputs, known)
        keyed = given.cluster.concealment.for_key(inputs)
        provision = _provision(component, known, name, given)
        if given.images is not None:
            from stepcache.pipelines.container_step import ContainerStep

            return await ContainerStep.of(
                component,
                executor,
                inputs,
                run,
                keyed=keyed,
                provision=provision,
                settings=given.cluster.settings.of(str(component.body)),
                images=given.images,
            )
        code = step_codes.find(executor)
        return Step(
            component=component,
            container=executor,
            code=code,
            inputs=inputs,
            run=run,
            place=await given.places.of(code),
            keyed=keyed,
            provision=provision,
        )
    if isinstance(executor, OtherExecutor) and executor.kind == importing.KIND:
        return Import.of(component, executor.document, inputs, run)
    raise ValueError(f"component '{component.name}' is executed by '{executor.kind}', which needs Google Cloud")


def _provision(component: Component, known: Known, name: str, given: Circumstances) -> Provision:
    if not component.passthroughs and not given.cluster.settings.asks(
        str(component.body)
    ):  # as most do: on the way of every hit
        return _NOTHING
    pod = Pod.of(given.pipeline.name, given.context.run_id, name, given.namespace)
    return given.cluster.provide(component, known, pod)
