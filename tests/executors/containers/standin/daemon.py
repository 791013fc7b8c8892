"""The daemon behind the stand-in for docker: a thread of the test, to be looked at and interfered with.

A container is a process on this machine, in a session of its own, with exactly the environment that docker would
give it. Its files are the machine's, so everything that is mounted at its own path is there; that other mounts are
right, and that the read-only ones are, has to be seen in ``Container.document``.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import socketserver
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NEVER = "0001-01-01T00:00:00Z"


@dataclass
class Config:
    """What an image says about how it is run."""

    entrypoint: list[str] = field(default_factory=list)
    cmd: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = ""
    id: str = field(default_factory=lambda: f"sha256:{secrets.token_hex(32)}")


@dataclass
class Container:
    """A container, as it was asked for, and as it is."""

    id: str
    document: dict[str, Any]
    state: dict[str, Any]
    process: subprocess.Popen[bytes] | None = None
    changing: threading.Lock = field(default_factory=threading.Lock)
    """Held by whoever starts or removes it."""

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)


class Daemon:
    """Serves the stand-in's clients at ``socket`` until it is closed."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "docker.sock"
        self.images: dict[str, Config] = {}
        self.registry: dict[str, Config] = {}
        self.pulls: list[str] = []
        self.pull_gate = threading.Event()
        self.pull_gate.set()
        self.containers: dict[str, Container] = {}
        self.made: list[Container] = []
        """Every container that ever was."""
        self.info: dict[str, Any] = {
            "ID": secrets.token_hex(8),
            "SecurityOptions": ["name=seccomp,profile=builtin"],
        }
        self.forgets = False
        """Whether a container that ended is gone before anybody can ask."""
        self.refuses = 0
        """How many times it will not remove what it is asked to."""
        self.calls: list[str] = []
        self._server = self._serve()

    def _serve(self) -> socketserver.ThreadingUnixStreamServer:
        daemon = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                message, descriptors, _, _ = socket.recv_fds(self.request, 1 << 16, 2)
                while message and not message.endswith(b"\n"):
                    message += self.request.recv(1 << 16)
                if not message:
                    return
                request = json.loads(message)
                try:
                    daemon.calls.append(request["do"])
                    answer = getattr(daemon, f"_{request.pop('do').replace(' ', '_')}")(request, descriptors)
                finally:
                    for descriptor in descriptors:
                        os.close(descriptor)
                try:
                    self.request.sendall(json.dumps(answer).encode() + b"\n")
                except OSError:
                    return  # the client is gone; the container is not

        server = socketserver.ThreadingUnixStreamServer(str(self.socket), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server

    def stop(self) -> None:
        """Answer nobody any more. Containers live on."""
        self._server.shutdown()
        self._server.server_close()
        self.socket.unlink()

    def start(self) -> None:
        """Answer again."""
        self._server = self._serve()

    def close(self) -> None:
        self.stop()
        for container in self.made:
            container.kill()
            if container.process is not None:
                container.process.wait()

    def _info(self, request: dict[str, Any], _: list[int]) -> dict[str, Any]:
        return {"lines": [json.dumps(self.info)]}

    def _pull(self, request: dict[str, Any], _: list[int]) -> dict[str, Any]:
        (name,) = request["words"]
        self.pulls.append(name)
        self.pull_gate.wait(20)
        if name not in self.registry:
            return {"error": f"Error response from daemon: manifest for {name} not found", "code": 1}
        self.images[name] = self.registry[name]
        return {"lines": [f"Status: Downloaded newer image for {name}"]}

    def _image(self, name: str) -> Config | None:
        return self.images.get(name) or next((one for one in self.images.values() if one.id == name), None)

    def _image_inspect(self, request: dict[str, Any], _: list[int]) -> dict[str, Any]:
        (name,) = request["words"]
        image = self._image(name)
        if image is None:
            return {"error": f"Error response from daemon: No such image: {name}", "code": 1}
        assert request["options"]["--format"] == "{{.Id}} {{.Os}} {{.Architecture}}"
        return {"lines": [f"{image.id} linux amd64"]}

    def _create(self, request: dict[str, Any], _: list[int]) -> dict[str, Any]:
        if self._image(request["image"]) is None:
            return {"error": f"No such image: {request['image']}"}
        for mount in request["mounts"]:
            if not Path(mount["source"]).exists():
                problem = f"bind source path does not exist: {mount['source']}"
                return {"error": f'invalid mount config for type "bind": {problem}'}
        state = {"Status": "created", "Running": False, "OOMKilled": False, "ExitCode": 0, "Error": ""}
        container = Container(secrets.token_hex(32), request, {**state, "StartedAt": NEVER, "FinishedAt": NEVER})
        self.containers[container.id] = container
        self.made.append(container)
        return {"id": container.id}

    def _start(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        container = self.containers.get(request["id"])
        if container is None:
            return {"error": f"No such container: {request['id']}", "code": 125}
        image = self._image(container.document["image"])
        assert image is not None
        entry = container.document.get("entrypoint")
        words = (
            [entry, *container.document["command"]]
            if entry
            else image.entrypoint + (container.document["command"] or image.cmd)
        )
        environment = {
            "PATH": PATH,
            "HOSTNAME": container.id[:12],
            **image.env,
            **container.document["environment"],
        }
        with container.changing:
            if container.id not in self.containers:
                return {"error": f"No such container: {container.id}", "code": 125}
            try:
                container.process = subprocess.Popen(
                    words,
                    env=environment,
                    cwd=container.document.get("workdir") or image.workdir or "/",
                    stdin=subprocess.DEVNULL,
                    stdout=descriptors[0],
                    stderr=descriptors[1],
                    start_new_session=True,
                )
            except OSError as error:
                code = 127 if isinstance(error, FileNotFoundError) else 126
                container.state |= {"ExitCode": code, "Error": f'exec: "{words[0]}": {error.strerror}'}
                return {"error": container.state["Error"], "code": code}
            container.state |= {"Status": "running", "Running": True, "StartedAt": "now"}
        return {"code": self._wait(container)}

    def _wait(self, container: Container) -> int:
        assert container.process is not None
        status = container.process.wait()
        container.kill()
        code = status if status >= 0 else 128 - status
        container.state |= {"Status": "exited", "Running": False, "ExitCode": code, "FinishedAt": "now"}
        if self.forgets:
            self.containers.pop(container.id, None)
        return code

    def _kill(self, request: dict[str, Any], _: list[int]) -> dict[str, Any]:
        (word,) = request["words"]
        container = self._find(word)
        if container is None or not container.state["Running"]:
            return {"error": f"Error response from daemon: cannot kill container: {word}", "code": 1}
        container.kill(getattr(signal, f"SIG{request['options']['--signal']}"))
        return {"lines": [word]}

    def _find(self, word: str) -> Container | None:
        for container in self.containers.values():
            if word in (container.id, container.document["name"]):
                return container
        return None

    def _container_inspect(self, request: dict[str, Any], _: list[int]) -> dict[str, Any]:
        lines, error = [], ""
        for word in request["words"]:
            container = self._find(word)
            if container is None:
                error = f"Error: No such container: {word}"
            elif request["options"]["--format"] == "{{json .State}}":
                lines.append(json.dumps(container.state))
            else:
                key = request["options"]["--format"].split('"')[1]
                lines.append(container.document["labels"].get(key, ""))
        return {"lines": lines, "error": error, "code": 1 if error else 0}

    def _ps(self, request: dict[str, Any], _: list[int]) -> dict[str, Any]:
        assert request["options"]["--all"] == request["options"]["--no-trunc"] == "true"
        key, equals, value = request["options"]["--filter"].removeprefix("label=").partition("=")
        found = [
            container.id
            for container in list(self.containers.values())
            if key in container.document["labels"] and (not equals or container.document["labels"][key] == value)
        ]
        return {"lines": found}

    def _rm(self, request: dict[str, Any], _: list[int]) -> dict[str, Any]:
        assert request["options"] == {"--force": "true", "--volumes": "true"}
        error = ""
        for word in request["words"]:
            container = self._find(word)
            if container is None:
                error = f"Error: No such container: {word}"
                continue
            if self.refuses:
                self.refuses -= 1
                error = f"Error response from daemon: removal of container {word} is already in progress"
                continue
            with container.changing:
                container.kill()
                deadline = time.monotonic() + 10
                while container.state["Status"] == "running" and time.monotonic() < deadline:
                    time.sleep(0.002)
                self.containers.pop(container.id, None)
        return {"error": error, "code": 1 if error else 0}
