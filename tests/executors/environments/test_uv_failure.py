"""What uv 0.13 wrote when it failed, and whose fault it was."""

from __future__ import annotations

import pytest

from stepcache.errors import InputError, StepcacheError
from stepcache.executors.environments.uv_failure import error

_UNSOLVED = "error: No solution found when resolving dependencies\n"
_MISTAKES = [
    f"{_UNSOLVED}  cause: Because nope was not found in the package registry and you require nope",
    "error: Couldn't parse requirement in `requirements.txt` at position 0",
    "error: Distribution not found at: file:///relative",
    "error: The wheel filename `no.whl` is invalid: Must have a version",
    "error: Failed to read `--find-links` directory: /nonexistent\n  cause: No such file or directory (os error 2)",
    "error: Failed to fetch: https://h/a.whl\n  cause: HTTP status client error (404 Not Found) for url (…)",
]
_NO_MISTAKES = {
    "error: Request failed after 3 retries in 9.9s\n  cause: Failed to fetch: http://h/a/": "cannot be reached",
    f"{_UNSOLVED}hint: Packages were unavailable because the network was disabled.": "cannot be reached",
    "fatal: unable to access 'https://h/foo.git/': Failed to connect to h port 9": "cannot be reached",
    f"{_UNSOLVED}hint: An index URL (http://h/s) could not be queried due to a lack of …": "refuses the request",
    "error: Failed to build `x==1`\n  cause: The build backend returned an error\n x is invalid": "built here",
    "error: Hash mismatch for `a==1`": "another file",
    "error: No space left on device (os error 28)": "uv failed",
}


@pytest.mark.parametrize("output", _MISTAKES)
def test_the_users_mistakes(output: str) -> None:
    assert isinstance(error("cannot resolve 'a'", output), InputError)


@pytest.mark.parametrize(("output", "told"), _NO_MISTAKES.items())
def test_what_is_nobodys_mistake(output: str, told: str) -> None:
    found = error("cannot resolve 'a'", output)
    assert type(found) is StepcacheError
    assert told in str(found)


def test_the_last_lines_are_told_without_credentials() -> None:
    output = "\n".join(f"line {number} of https://me:secret@host/" for number in range(40))
    text = str(error("cannot install 'a'", output))
    assert text.startswith("cannot install 'a': ")
    assert text.endswith("line 39 of https://***@host/")
    assert "line 27" not in text
