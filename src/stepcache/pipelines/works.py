"""Which work a task with an executor is."""

from __future__ import annotations

from collections.abc import Mapping

from stepcache.pipelines import importing, step_codes
from stepcache.pipelines.importing import Import
from stepcache.pipelines.model import Component, Container, OtherExecutor
from stepcache.pipelines.session import Session
from stepcache.pipelines.step import Step
from stepcache.pipelines.values import Values
from stepcache.pipelines.work import Work


def of(component: Component, inputs: Values, run: Mapping[str, str], session: Session) -> Work:
    """What a task that executes ``component`` does with these inputs; ``run`` holds the placeholders of the run.

    Raises ValueError, with a sentence for people, for an executor that nothing here executes.
    """
    executor = session.pipeline.executors[str(component.body)]
    if isinstance(executor, Container):
        return Step(component, executor, step_codes.find(executor), inputs, run, session.executor)
    if isinstance(executor, OtherExecutor) and executor.kind == importing.KIND:
        return Import.of(component, executor.document, inputs, run)
    raise ValueError(f"component '{component.name}' is executed by '{executor.kind}', which needs Google Cloud")
