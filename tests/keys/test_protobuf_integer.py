import pytest

from stepcache.keys.protobuf_integer import parse_int64


@pytest.mark.parametrize(
    ("text", "number"),
    [  # the rules of normalizeToIntString in protobuf-go
        ("0", 0),
        ("-0.00", 0),
        ("5.0", 5),
        ("1.5e1", 15),
        ("0.05e3", 50),
        ("100e-2", 1),
        ("-1e2", -100),
        ("1e", 1),
        ("1e+0002", 100),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775808", None),
        ("1e19", None),
        ("1.5", None),
        ("10e-2", None),
        ("1e-1", None),
        ("1e+", None),
        ("0e+", None),
        ("1e2147483648", None),
        ("0.0000000000000000000000005e25", None),
        ("1e99999999999999999999", None),
        ("x", None),
    ],
)
def test_integers_as_go_reads_them(text: str, number: int | None) -> None:
    assert parse_int64(text) == number
