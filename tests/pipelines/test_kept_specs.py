import os
from pathlib import Path

import pytest

from stepcache.errors import InputError
from stepcache.pipelines import loading, messages
from stepcache.pipelines.kept_specs import KeptSpecs

SAMPLES = sorted((Path(__file__).parents[1] / "data" / "pipelines").glob("*.yaml"))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_what_was_kept_is_what_was_read(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptSpecs(tmp_path / "pipelines")
    read = loading.load(sample, kept)
    kept.write()
    monkeypatch.delattr(messages, "parse")  # nothing is read again
    assert loading.load(sample, kept) == read
    assert loading.load(sample, KeptSpecs(tmp_path / "pipelines")) == read


def test_another_file_is_another_pipeline(tmp_path: Path) -> None:
    kept = KeptSpecs(tmp_path / "pipelines")
    path = tmp_path / "pipeline.yaml"
    text = SAMPLES[0].read_text()
    path.write_text(text)
    name = loading.load(path, kept).name
    kept.write()
    path.write_text(text.replace(f"name: {name}", "name: another"))
    assert loading.load(path, kept).name == "another"


def test_what_is_damaged_is_read_again(tmp_path: Path) -> None:
    kept = KeptSpecs(tmp_path / "pipelines")
    read = loading.load(SAMPLES[0], kept)
    kept.write()
    (file,) = (tmp_path / "pipelines").iterdir()
    for damage in ("", "{", "[1]", "null"):
        file.write_text(damage)
        assert loading.load(SAMPLES[0], kept) == read


def test_what_is_refused_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text("a: 1")
    kept = KeptSpecs(tmp_path / "pipelines")
    with pytest.raises(InputError):
        loading.load(path, kept)
    kept.write()
    assert not (tmp_path / "pipelines").exists()


def test_a_directory_that_cannot_be_written_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "pipelines").write_text("in the way")
    kept = KeptSpecs(tmp_path / "pipelines")
    assert loading.load(SAMPLES[0], kept).name
    kept.write()


def test_what_was_not_used_for_long_goes(tmp_path: Path) -> None:
    kept = KeptSpecs(tmp_path / "pipelines")
    for sample in SAMPLES[:2]:
        loading.load(sample, kept)
    kept.write()
    for file in (tmp_path / "pipelines").iterdir():
        os.utime(file, times=(0, 0))
    assert kept.collect(3600, dry_run=True) == 2
    loading.load(SAMPLES[0], kept)  # which marks it as used
    assert kept.collect(3600, dry_run=False) == 1
    assert len(list((tmp_path / "pipelines").iterdir())) == 1
    assert KeptSpecs(tmp_path / "nowhere").collect(0, dry_run=False) == 0
