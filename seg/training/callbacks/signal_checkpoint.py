"""A checkpoint at a signal, before the process ends."""

import logging
import os
import signal
import threading
from time import monotonic
from types import FrameType
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn

from seg.interruption import SWEEP_PROCESS
from seg.training.callbacks.checkpoints import BestAndLast, validation_follows

log = logging.getLogger(__name__)
# Schedulers of clusters warn by SIGUSR1 or SIGTERM, people by Ctrl-C.
_EXIT_CODES = {signal.SIGTERM: 143, signal.SIGUSR1: 143, signal.SIGINT: 130}
_ONE_KEY_PRESS_S = 2.0


class Interruption(Callback):
    """Handler of SIGTERM, SIGUSR1 and SIGINT: write `last.ckpt` after the present step, then exit.

    The exit code is 143, after SIGINT 130. During a validation the state before it is written, so
    that a resumed run repeats it. A second signal ends the process at once. With several processes
    all exit when one of them received a signal.
    """

    def __init__(self) -> None:
        self._received: signal.Signals | None = None
        self._received_at = 0.0
        self._handlers: dict[signal.Signals, Any] = {}
        self._written = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Install the handlers, in the main thread."""
        if stage != "fit" or threading.current_thread() is not threading.main_thread():
            return  # Python handles signals in the main thread alone
        # Lightning's own handlers end without a checkpoint, and wait for other ranks inside
        trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]
        self._handlers = {number: signal.signal(number, self._receive) for number in _EXIT_CODES}

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Restore the handlers of before."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Restore the handlers of before."""
        self.teardown(trainer, pl_module, "fit")

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Write the checkpoint after a signal, at the end of an optimizer step."""
        step_is_done = not trainer.fit_loop._should_accumulate()
        if step_is_done and self._is_requested(trainer) and not validation_follows(trainer):
            self._write(trainer)
            self._written = True  # the step's numbers are not yet in the curves

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Exit once the checkpoint is written."""
        if self._written:
            self._exit(trainer)

    on_train_epoch_end = on_train_batch_start

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the checkpoint and exit after a signal."""
        if trainer.state.fn == TrainerFn.FITTING and self._is_requested(trainer):
            self._write(trainer)
            self._exit(trainer)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *_: Any
    ) -> None:
        """Write the checkpoint and exit after a signal, in a single process."""
        # ranks may have unequal numbers of images, and would wait for each other
        if trainer.world_size == 1:
            self.on_validation_start(trainer, pl_module)

    def _receive(self, number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self._received is not None:
            # a launcher or a sweep passes on the signal that came before
            launched = "TORCHELASTIC_RUN_ID" in os.environ or SWEEP_PROCESS in os.environ
            if launched and monotonic() - self._received_at < _ONE_KEY_PRESS_S:
                return
            os._exit(_EXIT_CODES[signal.Signals(number)])
        self._received, self._received_at = signal.Signals(number), monotonic()
        log.warning("%s: saving after this step; a second signal ends at once", name)

    def _is_requested(self, trainer: Trainer) -> bool:
        requested = self._received is not None
        if trainer.world_size > 1:
            requested = bool(trainer.strategy.reduce_boolean_decision(requested, all=False))
        return requested

    def _write(self, trainer: Trainer) -> None:
        for callback in trainer.checkpoint_callbacks:
            if isinstance(callback, BestAndLast) and not trainer.sanity_checking:
                callback.write_last(trainer)

    def _exit(self, trainer: Trainer) -> None:
        log.warning(
            "ended at step %d; resume=%s goes on", trainer.global_step, trainer.default_root_dir
        )
        raise SystemExit(_EXIT_CODES[self._received or signal.SIGTERM])
