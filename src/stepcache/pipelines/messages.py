"""KFP's own protobuf messages for a compiled pipeline, read without importing KFP.

``kfp-pipeline-spec`` installs its generated module below the package ``kfp``: importing it runs ``kfp/__init__``
(half a second) wherever kfp is installed too, and registers the messages in protobuf's default pool, where a
user's own kfp of another version would collide with them. So the serialized descriptor is taken out of the
module's text and built in a pool of our own.
"""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepcache.errors import StepcacheError

if TYPE_CHECKING:
    from google.protobuf.message import Message

_MODULE = Path("kfp/pipeline_spec/pipeline_spec_pb2.py")
_DESCRIPTOR = re.compile(r"AddSerializedFile\((b'(?:[^'\\]|\\.)*')\)", re.DOTALL)


def parse(name: str, document: dict[str, Any]) -> Message:
    """The message ``ml_pipelines.<name>`` that ``document`` is the JSON form of.

    Raises ValueError for an unknown field or a wrong type, naming its place.
    """
    from google.protobuf import json_format

    message: Message = _message_class(name)()
    try:
        return json_format.ParseDict(document, message)
    except json_format.ParseError as error:
        raise ValueError(str(error).splitlines()[0]) from error


def to_document(message: Message) -> dict[str, Any]:
    """The JSON form of a message: camelCase names, absent where a field has its default."""
    from google.protobuf import json_format

    document: dict[str, Any] = json_format.MessageToDict(message)
    return document


@cache
def _message_class(name: str) -> Any:
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"ml_pipelines.{name}"))


@cache
def _pool() -> Any:
    from google.protobuf import any_pb2, descriptor_pool, duration_pb2, struct_pb2
    from google.rpc import status_pb2

    pool = descriptor_pool.DescriptorPool()
    for module in (any_pb2, duration_pb2, struct_pb2, status_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(_serialized_descriptor())
    return pool


def _serialized_descriptor() -> bytes:
    match = _DESCRIPTOR.search(_module_path().read_text(encoding="utf-8"))
    if match is None:
        raise StepcacheError(
            "the installed kfp-pipeline-spec has an unknown form", remedy="install kfp-pipeline-spec 2.14 to 2.17"
        )
    descriptor: bytes = ast.literal_eval(match[1])
    return descriptor


def _module_path() -> Path:
    for directory in sys.path:
        path = Path(directory) / _MODULE
        if path.is_file():
            return path
    raise StepcacheError("the package kfp-pipeline-spec is not installed", remedy="pip install kfp-pipeline-spec")
