"""The pipeline of ``stepcache demo``: three steps in a row, each slow enough to be met while it runs.

Compile it again with ``python examples/demo/pipeline.py``; the result ships inside the package.
"""

from pathlib import Path

from kfp import compiler, dsl

COMPILED = Path(__file__).parents[2] / "src" / "stepcache" / "cli" / "demo.yaml"


@dsl.component(base_image="python:3.11")
def prepare(rows: int, numbers: dsl.Output[dsl.Dataset]) -> None:
    """Write ``rows`` numbers, one on each line."""
    import time

    time.sleep(1)
    with open(numbers.path, "w") as file:  # noqa: PTH123 - a component carries its own imports
        file.writelines(f"{row * row}\n" for row in range(rows))


@dsl.component(base_image="python:3.11")
def train(numbers: dsl.Input[dsl.Dataset], model: dsl.Output[dsl.Model]) -> None:
    """Fit the simplest model there is: the mean."""
    import time

    time.sleep(1)
    with open(numbers.path) as file:  # noqa: PTH123 - as above
        values = [int(line) for line in file]
    with open(model.path, "w") as file:  # noqa: PTH123 - as above
        file.write(repr(sum(values) / len(values)))


@dsl.component(base_image="python:3.11")
def evaluate(model: dsl.Input[dsl.Model]) -> float:
    """Read the model back."""
    import time

    time.sleep(1)
    with open(model.path) as file:  # noqa: PTH123 - as above
        return float(file.read())


@dsl.pipeline(name="demo")
def demo(rows: int = 1000) -> float:
    """Prepare, train, evaluate."""
    prepared = prepare(rows=rows)
    trained = train(numbers=prepared.outputs["numbers"])
    return evaluate(model=trained.outputs["model"]).output


if __name__ == "__main__":
    compiler.Compiler().compile(demo, str(COMPILED))
