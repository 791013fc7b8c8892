import pytest

from stepcache.executors.environments.credentials import Credentials, mask, strip


@pytest.mark.parametrize(
    ("text", "masked", "stripped"),
    [
        ("https://me:pass@host/simple", "https://***@host/simple", "https://host/simple"),
        ("https://me:p@ss:w@host:8080/", "https://***@host:8080/", "https://host:8080/"),
        (
            "a @ git+https://token@host/x.git@v1",
            "a @ git+https://***@host/x.git@v1",
            "a @ git+https://host/x.git@v1",
        ),
        ("see 'http://u:p@h' and http://u2:p2@h2/x", "see 'http://***@h' and http://***@h2/x", None),
        ("https://host/simple", "https://host/simple", "https://host/simple"),
        ("https://host/a@b", "https://host/a@b", "https://host/a@b"),
        ("name@example.com", "name@example.com", "name@example.com"),
    ],
)
def test_what_stands_before_the_host_is_hidden(text: str, masked: str, stripped: str | None) -> None:
    assert mask(text) == masked
    assert stripped is None or strip(text) == stripped


def test_credentials_are_put_back_where_they_belong() -> None:
    credentials = Credentials.of(["https://me:pass@host/simple", "b @ git+ssh://git@forge/b.git"])
    assert credentials.restore("a @ https://host/a.whl") == "a @ https://me:pass@host/a.whl"
    assert credentials.restore("b @ git+ssh://forge/b.git@1") == "b @ git+ssh://git@forge/b.git@1"
    assert credentials.restore("c @ http://host/c.whl") == "c @ http://host/c.whl"
    assert credentials.restore("d @ https://host:8/d.whl") == "d @ https://host:8/d.whl"
