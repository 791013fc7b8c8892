"""What stands for a task's pod: its name, its labels, and what else Kubernetes tells a container about it."""

from __future__ import annotations

import re
import socket
import uuid

from stepcache.light_dataclasses import dataclass
from stepcache.pipelines.platform.settings import ExecutorSettings

_KEYED = re.compile(r"metadata\.(?P<map>labels|annotations)\['(?P<key>[^']+)'\]")
_RUN_ID_LABEL = "pipeline/runid"  # KFP's API server puts it on every pod of a run
_THIS_MACHINE = "127.0.0.1"
_SERVICE_ACCOUNT = "default"
_LONGEST_NAME = 253


@dataclass(frozen=True, slots=True)
class FieldValue:
    """What a variable is set to. One that is the same in every run is part of the task's key."""

    value: str
    stable: bool


@dataclass(frozen=True, slots=True)
class Pod:
    """One execution of one task."""

    name: str
    uid: str
    namespace: str
    run_id: str

    @classmethod
    def of(cls, pipeline: str, run_id: str, task: str, namespace: str) -> Pod:
        """The pod of the task with this full path; its name is one that Kubernetes would take."""
        readable = re.sub(r"[^a-z0-9]+", "-", f"{pipeline}-{run_id[:8]}-{task}".lower()).strip("-")
        uid = uuid.uuid5(uuid.NAMESPACE_URL, f"stepcache:{run_id}/{task}")
        return cls(readable[:_LONGEST_NAME].rstrip("-"), str(uid), namespace, run_id)

    def field(self, path: str, settings: ExecutorSettings) -> FieldValue:
        """The field at ``path``, of those that Kubernetes gives to a variable. A label that is not there is empty.

        Raises ValueError, with a sentence for people, for any other path: Kubernetes refuses such a pod.
        """
        match = _KEYED.fullmatch(path)
        if match is not None:
            return self._keyed(match["map"], match["key"], settings)
        known = {
            "metadata.name": self.name,
            "metadata.namespace": self.namespace,
            "metadata.uid": self.uid,
            "spec.nodeName": socket.gethostname(),
            "spec.serviceAccountName": _SERVICE_ACCOUNT,
            "status.hostIP": _THIS_MACHINE,
            "status.hostIPs": _THIS_MACHINE,
            "status.podIP": _THIS_MACHINE,
            "status.podIPs": _THIS_MACHINE,
        }
        if path not in known:
            raise ValueError(f"no variable can be set to the pod field '{path}'")
        return FieldValue(known[path], stable=False)

    def _keyed(self, which: str, key: str, settings: ExecutorSettings) -> FieldValue:
        own = settings.labels if which == "labels" else settings.annotations
        if which == "labels" and key == _RUN_ID_LABEL:
            return FieldValue(self.run_id, stable=False)
        return FieldValue(own.get(key, ""), stable=True)
