"""Ways that take turns in processes of their own, as allocators and settings differ by process."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from time import perf_counter
from traceback import format_exc
from typing import Any

import torch

from seg.benchmarks.layers import Layers, layers_of
from seg.benchmarks.timing import Timing, added_mib
from seg.cpu import disable_malloc_trim, give_back_memory
from seg.data.loading.workers import ignore_group_signals, starting_workers
from seg.errors import ConfigError, user_message

_WAITING = "GOMP_SPINCOUNT"  # see `seg.cpu.limit_openmp_spin`


@dataclass(frozen=True)
class Prepared:
    """Work of a way at its turn.

    Attributes:
        call: does the work once.
        model: the network, where there is one.
        parted: whether it runs operator by operator, so that these can be timed.
    """

    call: Callable[[], object]
    model: torch.nn.Module | None = None
    parted: bool = False


@dataclass(frozen=True)
class Way:
    """Way of doing the work: one row of a table.

    Attributes:
        prepare: makes the work in the process of the way; picklable.
        tuned: whether the process reuses freed memory, as every command of ours does.
        needs: packages beyond those of the project.
    """

    prepare: Callable[[], Prepared]
    tuned: bool = False
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """Time and memory of a way.

    Attributes:
        time: seconds a call in each round.
        peak_mib: MiB that a call added to the memory of the process or the device.
        parameters: of the network.
        layers: None for a network that does not run operator by operator.
    """

    time: Timing
    peak_mib: float
    parameters: int | None
    layers: Layers | None


def select(ways: Mapping[str, Way], parts: Sequence[str] | None) -> dict[str, Way]:
    """Return the first way, and those whose names contain one of `parts`.

    Raises:
        ConfigError: a part is in no name, or the first way needs a package that is missing.
    """
    for part in parts or ():
        if not any(part in name for name in ways):
            raise ConfigError(
                f"variants: {part!r} is in no name; allowed: parts of {', '.join(ways)}"
            )
    first = next(iter(ways))
    missing = [name for name in ways[first].needs if find_spec(name) is None]
    if missing:
        raise ConfigError(f"{first}: {', '.join(missing)} is missing; pip install it")
    return {
        name: way
        for name, way in ways.items()
        if name == first or parts is None or any(part in name for part in parts)
    }


def in_turn(ways: Mapping[str, Way], *, rounds: int, device: torch.device) -> dict[str, Measured]:
    """Time each way once a round, in turn, after all have been prepared.

    Between its turns a process gives its memory back; a call before each timed one faults it in.

    Raises:
        ConfigError: a way fails; its traceback is in the message.
    """
    workers: dict[str, _Worker] = {}
    try:
        for name, way in ways.items():
            workers[name] = _Worker(name, way, device)
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, worker in workers.items():
                seconds[name].append(worker.ask("turn"))
        layers = {name: worker.ask("layers") for name, worker in workers.items()}
        return {
            name: Measured(
                Timing(tuple(seconds[name])), worker.peak_mib, worker.parameters, layers[name]
            )
            for name, worker in workers.items()
        }
    finally:
        for worker in workers.values():
            worker.end()


@dataclass
class _Worker:
    name: str
    way: Way
    device: torch.device
    peak_mib: float = field(init=False)
    parameters: int | None = field(init=False)

    def __post_init__(self) -> None:
        context = get_context("spawn")
        self._ours, theirs = context.Pipe()
        arguments = theirs, self.way.prepare, self.way.tuned, self.device
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        waiting = os.environ.get(_WAITING)
        if not self.way.tuned:
            os.environ.pop(_WAITING, None)
        try:
            with starting_workers():
                self._process.start()
        finally:
            if waiting is not None:
                os.environ[_WAITING] = waiting
        theirs.close()
        self.peak_mib, self.parameters = self.ask("first")

    def ask(self, request: str) -> Any:
        try:
            self._ours.send(request)
            answer, failure = self._ours.recv()
        except (EOFError, OSError) as error:
            raise ConfigError(f"{self.name}: its process ended; is there memory enough?") from error
        if failure is not None:
            raise ConfigError(f"{self.name}: failed\n{failure}")
        return answer

    def end(self) -> None:
        self._ours.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.terminate()


def _serve(
    pipe: Connection, prepare: Callable[[], Prepared], tuned: bool, device: torch.device
) -> None:
    ignore_group_signals()
    if tuned:
        disable_malloc_trim()
    prepared: Prepared | None = None
    while True:
        try:
            request = pipe.recv()
        except EOFError:
            return
        try:
            prepared = prepare() if prepared is None else prepared
            answer: Any = _answer(request, prepared, device)
            pipe.send((answer, None))
        except Exception as error:  # raised in the process that asks
            pipe.send((None, user_message(error) or format_exc()))


def _answer(request: str, prepared: Prepared, device: torch.device) -> Any:
    model = prepared.model
    if request == "first":
        prepared.call()  # libraries are loaded and loops compiled
        _give_back(device)
        peak = added_mib(prepared.call, device)
        _give_back(device)
        count = None if model is None else sum(each.numel() for each in model.parameters())
        return peak, count
    if request == "layers":
        return layers_of(prepared.call, device) if prepared.parted else None
    prepared.call()
    _wait(device)
    started_at = perf_counter()
    prepared.call()
    _wait(device)
    elapsed_s = perf_counter() - started_at
    _give_back(device)
    return elapsed_s


def _give_back(device: torch.device) -> None:
    give_back_memory()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
