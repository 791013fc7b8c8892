"""The workers of one engine, and the steps that wait to be forked from them."""

from __future__ import annotations

import json
import os
import select
import signal
from typing import TYPE_CHECKING, Any

from .reaper_link import ReaperLink
from .worker import Worker

if TYPE_CHECKING:
    from .supervisor_process import Supervisor


class Workers:
    """Starts a worker for each kind of step that may be forked, when its first step comes.

    A worker that was killed is replaced when the next step of its kind comes. One that cannot start, or ended by
    itself because it must not be forked, is not: steps of its kind run apart from then on.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._alive: dict[int, Worker] = {}  # by descriptor
        self._of_kind: dict[str, Worker | None] = {}  # None: not to be had

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The supervisor's ends of its connections to workers."""
        return tuple(self._alive)

    @property
    def pids(self) -> set[int]:
        """Process ids of the workers."""
        return {worker.pid for worker in self._alive.values()}

    def run(self, step: dict[str, Any]) -> bool:
        """Take over a step. False for one that is to run apart."""
        worker = self._worker(step) if "worker" in step else None
        if worker is None:
            return False
        worker.waiting.append(step)
        self._serve(worker)
        return True

    def withdraw(self, step: int) -> bool:
        """Forget a step that waits; whether it did."""
        return any(worker.withdraw(step) for worker in self._alive.values())

    def welcome(self, link: ReaperLink, pid: int) -> None:
        """A reaper was forked, and waits for a step."""
        link.pid = pid
        if link.worker is not None:
            link.worker.expected -= 1
            link.worker.proven = True
            self.take_back(link)

    def take_back(self, link: ReaperLink) -> None:
        """A reaper waits for a step."""
        worker = link.worker
        if worker is None or worker.channel.fileno() not in self._alive:
            link.dismiss()
            return
        worker.idle.append(link)
        self._serve(worker)

    def lose_idle(self, link: ReaperLink) -> None:
        """A reaper is gone that had no step, or was never forked."""
        worker = link.worker
        if worker is None:
            return
        if link.pid is None:
            worker.expected -= 1
            self._give_up(worker)  # the worker is not asked again: what failed may go on failing
        elif link in worker.idle:
            worker.idle.remove(link)

    def retire(self, link: ReaperLink) -> None:
        """Fork no more steps from the worker of a reaper that turned out unfit."""
        if link.worker is not None:
            self._of_kind[link.worker.kind] = None
            if link.worker.channel.fileno() in self._alive:
                os.kill(link.worker.pid, signal.SIGKILL)

    def lose(self, descriptor: int) -> None:
        """The worker behind ``descriptor`` is gone."""
        worker = self._alive.pop(descriptor)
        self._supervisor.poll.unregister(descriptor)
        worker.channel.close()
        _, status = os.waitpid(worker.pid, 0)
        if not worker.proven or not os.WIFSIGNALED(status):
            self._of_kind[worker.kind] = None
        elif self._of_kind[worker.kind] is worker:
            del self._of_kind[worker.kind]
        for link in worker.idle:
            link.dismiss()
        if worker.expected:
            self._supervisor.end_orphans()  # on their way to become reapers
        while worker.waiting:
            self._supervisor.run_apart(worker.waiting.popleft())

    def close(self) -> None:
        """Kill them all, and forget the steps that wait."""
        for worker in self._alive.values():
            worker.waiting.clear()
            os.kill(worker.pid, signal.SIGKILL)

    def _worker(self, step: dict[str, Any]) -> Worker | None:
        kind = json.dumps([step["argv"][2], step["worker"]], sort_keys=True)
        if kind not in self._of_kind:
            try:
                worker = Worker(kind, step)
            except OSError:  # too many processes or descriptors, which may pass
                return None
            self._of_kind[kind] = self._alive[worker.channel.fileno()] = worker
            self._supervisor.poll.register(worker.channel, select.POLLIN)
        return self._of_kind[kind]

    def _serve(self, worker: Worker) -> None:
        """Bring waiting steps and idle reapers together, and ask for more reapers if need be."""
        while worker.waiting and worker.idle:
            self._supervisor.run_by(worker.idle.pop(), worker.waiting.popleft())
        while (link := worker.ask()) is not None:
            self._supervisor.watch(link)
        self._give_up(worker)

    def _give_up(self, worker: Worker) -> None:
        """Run apart the steps that wait for a reaper that will not come."""
        while len(worker.waiting) > worker.expected:
            self._supervisor.run_apart(worker.waiting.popleft())
