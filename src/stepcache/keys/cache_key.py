"""The messages that KFP's v2 fingerprint is made of, as tables.

Sources: kubeflow/pipelines, api/v2alpha1/cache_key.proto and pipeline_spec.proto; google/protobuf/struct.proto.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from stepcache.light_dataclasses import dataclass


class Kind(Enum):
    """What a field holds. ``VALUE`` and ``STRUCT`` are the well-known types of protobuf."""

    STRING = auto()
    INT64 = auto()
    DOUBLE = auto()
    MESSAGE = auto()
    STRUCT = auto()
    VALUE = auto()


class Shape(Enum):
    """How often. The key of every map here is a string."""

    SINGULAR = auto()
    REPEATED = auto()
    MAP = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """One field: the name in the .proto file, and the name in JSON, which the decoder takes both."""

    name: str
    kind: Kind
    shape: Shape = Shape.SINGULAR
    message: Message | None = None
    oneof: str = ""
    optional: bool = False
    """Declared ``optional``: a default value that was set is printed."""

    @property
    def json_name(self) -> str:
        """The name in lowerCamelCase, as protoc makes it."""
        first, *others = self.name.split("_")
        return first + "".join(word[:1].upper() + word[1:] for word in others)

    @property
    def has_presence(self) -> bool:
        """Whether a default value that was set differs from no value."""
        return self.optional or bool(self.oneof)


@dataclass(frozen=True, slots=True)
class Message:
    """A message type: its fields under each name that JSON may give them."""

    name: str
    fields: dict[str, Field]


def _message(name: str, *fields: Field) -> Message:
    return Message(name, {alias: field for field in fields for alias in (field.name, field.json_name)})


_OLD_VALUE = _message(
    "Value",
    Field("int_value", Kind.INT64, oneof="value"),
    Field("double_value", Kind.DOUBLE, oneof="value"),
    Field("string_value", Kind.STRING, oneof="value"),
)
_ARTIFACT_TYPE_SCHEMA = _message(
    "ArtifactTypeSchema",
    Field("schema_title", Kind.STRING, oneof="kind"),
    Field("schema_uri", Kind.STRING, oneof="kind"),
    Field("instance_schema", Kind.STRING, oneof="kind"),
    Field("schema_version", Kind.STRING),
)
_RUNTIME_ARTIFACT = _message(
    "RuntimeArtifact",
    Field("name", Kind.STRING),
    Field("type", Kind.MESSAGE, message=_ARTIFACT_TYPE_SCHEMA),
    Field("uri", Kind.STRING),
    Field("properties", Kind.MESSAGE, Shape.MAP, _OLD_VALUE),
    Field("custom_properties", Kind.MESSAGE, Shape.MAP, _OLD_VALUE),
    Field("metadata", Kind.STRUCT),
    Field("custom_path", Kind.STRING, optional=True),
)
_ARTIFACT_NAME_LIST = _message("ArtifactNameList", Field("artifactNames", Kind.STRING, Shape.REPEATED))
_ENV_VAR = _message("EnvVar", Field("name", Kind.STRING), Field("value", Kind.STRING))

_CONTAINER_FIELDS = (
    Field("image", Kind.STRING),
    Field("cmdArgs", Kind.STRING, Shape.REPEATED),
    Field("pvcNames", Kind.STRING, Shape.REPEATED),
)


def _cache_key(container: Message) -> Message:
    return _message(
        "CacheKey",
        Field("inputArtifactNames", Kind.MESSAGE, Shape.MAP, _ARTIFACT_NAME_LIST),
        Field("inputParameters", Kind.MESSAGE, Shape.MAP, _OLD_VALUE),
        Field("outputArtifactsSpec", Kind.MESSAGE, Shape.MAP, _RUNTIME_ARTIFACT),
        Field("outputParametersSpec", Kind.STRING, Shape.MAP),
        Field("containerSpec", Kind.MESSAGE, message=container),
        Field("input_parameter_values", Kind.VALUE, Shape.MAP),
    )


CACHE_KEY: Final = _cache_key(_message("ContainerSpec", *_CONTAINER_FIELDS))
"""``CacheKey`` of KFP up to 2.17."""

CACHE_KEY_WITH_ENV: Final = _cache_key(
    _message("ContainerSpec", *_CONTAINER_FIELDS, Field("env", Kind.MESSAGE, Shape.REPEATED, _ENV_VAR))
)
"""``CacheKey`` of KFP from 2.18 on: the container's environment joins, in its order."""
