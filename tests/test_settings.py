from __future__ import annotations

from pathlib import Path

import pytest

from stepcache.errors import InputError
from stepcache.settings import TABLE, Settings

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"


@pytest.mark.parametrize("setting", TABLE, ids=lambda setting: setting.name)
def test_every_setting_has_its_line_in_the_docs(setting: object) -> None:
    from stepcache.settings import Setting

    assert isinstance(setting, Setting)
    line = f"| `{setting.variable}` | {setting.type} | {setting.default} | {setting.meaning} |"
    assert line in PAGE.read_text().splitlines()


def test_defaults_are_below_the_home(tmp_path: Path) -> None:
    settings = Settings.resolve({"STEPCACHE_HOME": str(tmp_path)})
    assert settings.home == tmp_path
    assert settings.store == f"sqlite:///{tmp_path}/stepcache.db"
    assert settings.artifacts == tmp_path / "artifacts"
    assert (settings.lease, settings.same_host, settings.poll) == (60, True, 0.25)
    assert list(tmp_path.iterdir()) == []


def test_the_home_is_the_users_data_directory() -> None:
    assert Settings.resolve({}).home.name == "stepcache"


def test_what_is_given_comes_before_the_environment() -> None:
    environment = {"STEPCACHE_STORE": "memory://", "STEPCACHE_LEASE": "7", "STEPCACHE_SAME_HOST": "off"}
    settings = Settings.resolve(environment)
    assert (settings.store, settings.lease, settings.same_host) == ("memory://", 7, False)
    settings = Settings.resolve(environment, store="sqlite:///x.db", lease=1.5, same_host=True)
    assert (settings.store, settings.lease, settings.same_host) == ("sqlite:///x.db", 1.5, True)


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.resolve({"STEPCACHE_LEASE": ""}).lease == 60


def test_paths_are_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    settings = Settings.resolve({}, home="here", artifacts="~/there")
    assert (settings.home, settings.artifacts) == (tmp_path / "here", tmp_path / "me" / "there")


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("STEPCACHE_LEASE", "soon"),
        ("STEPCACHE_LEASE", "0"),
        ("STEPCACHE_LEASE", "nan"),
        ("STEPCACHE_LEASE", "inf"),
        ("STEPCACHE_SAME_HOST", "maybe"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_the_name_it_came_by(variable: str, text: str) -> None:
    with pytest.raises(InputError, match=f"{variable} is '{text}'"):
        Settings.resolve({variable: text})


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(InputError, match="no setting 'leese'"):
        Settings.resolve({}, leese=1)
