"""Train a classifier of handwritten digits: try several hyper-parameters, publish the best if it is good enough.

The data ships with scikit-learn, so none is downloaded, and every random choice is seeded: with the same packages,
the same parameters give the same bytes. Compile it again with ``python examples/training/pipeline.py``.
"""

from pathlib import Path
from typing import NamedTuple

from kfp import compiler, dsl

COMPILED = Path(__file__).with_name("pipeline.yaml")
IMAGE = "python:3.11"
PACKAGES = ["scikit-learn>=1.5,<2"]
CANDIDATES = [
    {"depth": 4, "criterion": "gini"},
    {"depth": 12, "criterion": "gini"},
    {"depth": 12, "criterion": "entropy"},
]


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def prepare_data(
    test_share: float, seed: int, train_set: dsl.Output[dsl.Dataset], test_set: dsl.Output[dsl.Dataset]
) -> None:
    """Split scikit-learn's handwritten digits into one table to train on and one to test with.

    Args:
        test_share: Share of the images that is kept for testing, between 0 and 1.
        seed: Seed of the split.
        train_set: CSV with a header: the 64 pixels of an image, then its digit.
        test_set: The same for the images that are kept for testing.
    """
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    table = np.column_stack([digits.data, digits.target]).astype(int)
    parts = train_test_split(table, test_size=test_share, random_state=seed, stratify=digits.target)
    header = ",".join([*digits.feature_names, "digit"])
    for part, output in zip(parts, (train_set, test_set), strict=True):
        np.savetxt(output.path, part, fmt="%d", delimiter=",", header=header, comments="")
        output.metadata["images"] = len(part)
    print(f"{len(parts[0])} images to train on, {len(parts[1])} to test with")


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def train_model(
    train_set: dsl.Input[dsl.Dataset],
    trees: int,
    depth: int,
    criterion: str,
    seed: int,
    model: dsl.Output[dsl.Model],
) -> None:
    """Train a random forest.

    Args:
        train_set: CSV with a header: the pixels of an image, then its digit.
        trees: Number of trees in the forest.
        depth: Number of levels that a tree may have.
        criterion: How the quality of a split is measured, "gini" or "entropy".
        seed: Seed of the forest.
        model: The trained classifier, as joblib writes it.
    """
    import joblib
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier

    table = np.loadtxt(train_set.path, delimiter=",", skiprows=1, dtype=int)
    forest = RandomForestClassifier(n_estimators=trees, max_depth=depth, criterion=criterion, random_state=seed)
    forest.fit(table[:, :-1], table[:, -1])
    joblib.dump(forest, model.path)
    model.metadata.update({"trees": trees, "depth": depth, "criterion": criterion})
    print(f"trained {trees} trees on {len(table)} images")


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def evaluate_model(
    model: dsl.Input[dsl.Model],
    test_set: dsl.Input[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
    confusion: dsl.Output[dsl.ClassificationMetrics],
) -> float:
    """Test a classifier on images that it has not seen.

    Args:
        model: The trained classifier, as joblib writes it.
        test_set: CSV with a header: the pixels of an image, then its digit.
        metrics: Accuracy and macro-averaged F1 score.
        confusion: How often each digit was taken for which.

    Returns:
        Share of the images that the classifier reads correctly.
    """
    import joblib
    import numpy as np
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

    table = np.loadtxt(test_set.path, delimiter=",", skiprows=1, dtype=int)
    expected = table[:, -1]
    predicted = joblib.load(model.path).predict(table[:, :-1])
    accuracy = float(accuracy_score(expected, predicted))
    metrics.log_metric("accuracy", accuracy)
    metrics.log_metric("f1_macro", float(f1_score(expected, predicted, average="macro")))
    digits = list(range(10))
    matrix = confusion_matrix(expected, predicted, labels=digits)
    confusion.log_confusion_matrix([str(digit) for digit in digits], matrix.tolist())
    print(f"accuracy {accuracy:.4f} on {len(table)} images")
    return accuracy


@dsl.component(base_image=IMAGE)
def choose_model(models: dsl.Input[list[dsl.Model]], accuracies: list[float], best: dsl.Output[dsl.Model]) -> float:
    """Choose the most accurate of several classifiers, the first among equals.

    Args:
        models: The trained classifiers.
        accuracies: The accuracy of each of them, in the same order.
        best: A copy of the chosen one.

    Returns:
        The accuracy of the chosen one.
    """
    import shutil

    position = accuracies.index(max(accuracies))
    shutil.copyfile(models[position].path, best.path)
    best.metadata.update(models[position].metadata)
    print(f"the best of {len(models)} is number {position + 1}, with an accuracy of {accuracies[position]:.4f}")
    return accuracies[position]


@dsl.component(base_image=IMAGE)
def publish_model(
    model: dsl.Input[dsl.Model],
    accuracy: float,
    published: dsl.Output[dsl.Model],
    card: dsl.Output[dsl.Markdown],
) -> None:
    """Hand a classifier out, with a card that says what it is.

    Args:
        model: The classifier.
        accuracy: Share of the test images that it reads correctly.
        published: The classifier as it is handed out.
        card: What people should know about it.
    """
    import shutil
    from pathlib import Path

    shutil.copyfile(model.path, published.path)
    published.metadata.update({**model.metadata, "accuracy": accuracy})
    forest = "{trees:.0f} trees of at most {depth:.0f} levels, split by {criterion}".format(**model.metadata)
    text = f"# Handwritten digits\n\n{forest}. It reads {accuracy:.1%} of the test images correctly.\n"
    Path(card.path).write_text(text, encoding="utf-8")


class Trained(NamedTuple):
    """What the pipeline leaves."""

    accuracy: float
    model: dsl.Model


@dsl.pipeline(
    name="digits-training",
    display_name="Train a classifier of handwritten digits",
    description="Train several classifiers of handwritten digits, and publish the best if it is good enough.",
)
def training(
    trees: int = 50,
    candidates: list = CANDIDATES,
    min_accuracy: float = 0.95,
    test_share: float = 0.25,
    seed: int = 7,
) -> Trained:
    """Prepare the data, train and evaluate every candidate, choose the best, publish it if it is good enough.

    Args:
        trees: Number of trees in each forest.
        candidates: The hyper-parameters to try, each a structure of depth and criterion.
        min_accuracy: How accurate a classifier must be to be published.
        test_share: Share of the images that is kept for testing, between 0 and 1.
        seed: Seed of the split and of the forests.

    Returns:
        accuracy: Share of the test images that the best classifier reads correctly.
        model: The best classifier, as joblib writes it.
    """
    prepared = prepare_data(test_share=test_share, seed=seed)
    with dsl.ParallelFor(candidates, name="each candidate") as candidate:
        trained = train_model(
            train_set=prepared.outputs["train_set"],
            trees=trees,
            depth=candidate.depth,
            criterion=candidate.criterion,
            seed=seed,
        )
        evaluated = evaluate_model(model=trained.outputs["model"], test_set=prepared.outputs["test_set"])
    chosen = choose_model(
        models=dsl.Collected(trained.outputs["model"]), accuracies=dsl.Collected(evaluated.outputs["Output"])
    )
    with dsl.If(chosen.outputs["Output"] >= min_accuracy, name="good enough"):
        publish_model(model=chosen.outputs["best"], accuracy=chosen.outputs["Output"])
    return Trained(accuracy=chosen.outputs["Output"], model=chosen.outputs["best"])


if __name__ == "__main__":
    compiler.Compiler().compile(training, str(COMPILED))
