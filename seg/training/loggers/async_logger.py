"""A logger whose server may be slow or down without delaying training."""

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from queue import Full, Queue
from time import monotonic
from typing import Any

from lightning_utilities.core.rank_zero import rank_zero_only
from pytorch_lightning.loggers import Logger

from seg.training.loggers.image_logging import log_image_array

log = logging.getLogger(__name__)
_MOST_CALLS = 10_000
_TRIES = 6  # a minute, with pauses of 1, 2, 4 ... seconds between them
_PATIENCE_S = 20.0
_ENOUGH_CHARACTERS = 200


class BackgroundLogger(Logger):
    """Forwarder of every call to another logger, in order, on a thread of its own.

    A call that fails is tried again for a minute, while those behind it wait: after an outage the
    logger catches up. The first failure is logged once. At the end of a run the waiting calls have
    `patience_s`; those that remain are dropped, and that is logged too.

    Args:
        logger: does the work; nobody else may call it.
        name: of the logger in the configuration, for messages.
        patience_s: seconds at the end.
    """

    def __init__(self, logger: Any, *, name: str, patience_s: float = _PATIENCE_S) -> None:
        super().__init__()
        self.logger = logger
        self._name = name
        self._patience_s = patience_s
        self._calls: Queue[Callable[[], object]] = Queue(_MOST_CALLS)
        self._thread: threading.Thread | None = None
        self._has_warned = False
        self._leaving = threading.Event()

    @property
    def name(self) -> str:
        """Return the name in the configuration."""
        return self._name

    @property
    def version(self) -> str:
        """Return an empty version."""
        return ""  # asking the logger might mean asking its server

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Queue scalars."""
        self._put(self.logger.log_metrics, dict(metrics), step)

    @rank_zero_only
    def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
        """Queue hyperparameters."""
        self._put(self.logger.log_hyperparams, params)

    @rank_zero_only
    def log_image_array(self, key: str, image: Any, step: int) -> None:
        """Queue an image (H x W x 3, uint8): see `loggers.image_logging`."""
        self._put(log_image_array, self.logger, key, image, step)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Wait for the queued calls, at most `patience_s`."""
        self._put(self.logger.finalize, status)
        deadline = monotonic() + (0 if self._leaving.is_set() else self._patience_s)
        with self._calls.all_tasks_done:
            while self._calls.unfinished_tasks and monotonic() < deadline:
                self._calls.all_tasks_done.wait(deadline - monotonic())
            lost = self._calls.unfinished_tasks
        if lost and not self._leaving.is_set():
            self._leaving.set()
            log.warning(
                "logger.%s: %d calls were not taken within %.0f s and are given up; metrics.csv is"
                " complete", self._name, lost, self._patience_s,
            )  # fmt: skip

    def _put(self, call: Callable[..., object], *arguments: Any) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        try:
            self._calls.put_nowait(partial(call, *arguments))
        except Full:
            self._warn_once("takes nothing any more")

    def _work(self) -> None:
        while True:
            self._deliver(self._calls.get())
            self._calls.task_done()

    def _deliver(self, call: Callable[[], object]) -> None:
        for tried in range(_TRIES):
            if self._leaving.is_set():
                return
            try:
                call()
                return
            except Exception as error:  # whatever a client and its server come up with
                self._warn_once(f"{type(error).__name__}: {error}")
                self._leaving.wait(2**tried)

    def _warn_once(self, what: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            words = " ".join(what.split())[:_ENOUGH_CHARACTERS]
            log.warning("logger.%s: %s; training goes on, it is tried again", self._name, words)
