"""One process of `launch`: `python -m seg.engine.distributed.worker COMMAND RUN_DIR RESULT`."""

import atexit
import ctypes
import json
import logging.config
import os
import signal
import sys
import traceback
from pathlib import Path
from time import time
from typing import Any, NoReturn

from omegaconf import OmegaConf

from seg.config.schema import PretrainConfig, TrainConfig, validate
from seg.cpu import disable_malloc_trim, limit_openmp_spin
from seg.errors import exit_code_of, user_message
from seg.io.json_file import read_json
from seg.io.run_record import PROPOSED, accept
from seg.io.terminal import log_plainly
from seg.io.yaml_file import read_yaml

_PR_SET_PDEATHSIG = 1  # Linux, prctl.h


def main() -> None:
    """Run COMMAND by the `config.json` beside RESULT; the first process writes its value to RESULT.

    An error is written to a file for `launch`: other processes fail because this one did, and
    their messages would hide its own.
    """
    disable_malloc_trim()
    limit_openmp_spin()
    _exit_with_launcher()
    command, run_dir, result = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    _start_logging(run_dir)
    try:
        config = read_json(result.parent / "config.json", "configuration")
        value = _run_command(command, config, run_dir)
    except Exception as error:
        _report(error)
        _exit(1 if user_message(error) is None else exit_code_of(error))
    if _is_first():
        result.write_text(json.dumps(value))
    _exit(0)


def _run_command(command: str, config: dict[str, Any], run_dir: Path) -> float | None:
    if command == "pretrain":
        from seg.engine.pretrain import pretrain

        return pretrain(validate(PretrainConfig, config), run_dir)
    from seg.engine.train import train

    return train(validate(TrainConfig, config), run_dir)


def _exit(code: int) -> NoReturn:
    """Exit after all exit handlers but the one that closes connections to other processes.

    These may have ended already. To take connections to them down can hang or crash, which would
    turn a run that is done into one that has failed, and keep other machines waiting.
    """
    from lightning_fabric.utilities.distributed import _destroy_dist_connection

    atexit.unregister(_destroy_dist_connection)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _is_first() -> bool:
    return os.environ["RANK"] == "0"


def _exit_with_launcher() -> None:
    """End with the launcher, whose kill -9 nothing else would pass on to this process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _start_logging(run_dir: Path) -> None:
    """Log as the typed command does; processes but the first log warnings alone."""
    composed = run_dir / ".hydra" / "hydra.yaml"
    if not _is_first():
        log_plainly(logging.WARNING)
    elif composed.is_file():
        node = OmegaConf.create(read_yaml(composed, "configuration"))
        logging_config = OmegaConf.to_container(
            OmegaConf.select(node, "hydra.job_logging"), resolve=True
        )
        logging.config.dictConfig(logging_config)  # type: ignore[arg-type]
        if not (run_dir / PROPOSED).exists():  # nothing is left to accept
            accept(run_dir)
    else:
        log_plainly(logging.INFO, sys.stdout)


def _report(error: Exception) -> None:
    message = user_message(error)
    details = {"timestamp": str(int(time())), "can_be_mended": message is not None}
    text = message or "".join(traceback.format_exception(error)).rstrip()
    content = {"message": {"message": text, "extraInfo": details}}
    Path(os.environ["TORCHELASTIC_ERROR_FILE"]).write_text(json.dumps(content))


if __name__ == "__main__":
    main()
