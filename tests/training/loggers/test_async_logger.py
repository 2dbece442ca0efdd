"""A logger that fails, hangs or is slow does not hold up who logs, and catches up."""

import logging
import threading
import time

from pytorch_lightning.loggers import Logger

from seg.training.loggers.async_logger import BackgroundLogger


class Server(Logger):
    """Takes calls, fails the first `fails` of them, or never answers."""

    name, version = "server", ""

    def __init__(self, *, fails=0, answers=True):
        super().__init__()
        self.taken = []
        self.fails = fails
        self.open = threading.Event()
        if answers:
            self.open.set()

    def log_metrics(self, metrics, step=None):
        self.open.wait()
        if self.fails:
            self.fails -= 1
            raise ConnectionError("refused")
        self.taken.append((step, metrics))

    def log_hyperparams(self, params):
        self.taken.append(params)

    def finalize(self, status):
        self.taken.append(status)


def warnings_of(caplog):
    return [record.message for record in caplog.records if record.levelno == logging.WARNING]


def test_everything_arrives_in_order_after_an_outage(caplog):
    server = Server(fails=2)
    logger = BackgroundLogger(server, name="server")
    logger.log_hyperparams({"lr": 1})
    for step in range(3):
        logger.log_metrics({"loss": step / 2}, step)
    logger.finalize("success")
    losses = [(step, {"loss": step / 2}) for step in range(3)]
    assert server.taken == [{"lr": 1}, *losses, "success"]
    (told,) = warnings_of(caplog)
    assert "logger.server: ConnectionError: refused" in told


def test_what_is_logged_later_does_not_change_what_was_logged():
    server = Server(answers=False)
    logger = BackgroundLogger(server, name="server")
    metrics = {"loss": 1.0}
    logger.log_metrics(metrics, 0)
    metrics["loss"] = 2.0
    server.open.set()
    logger.finalize("success")
    assert server.taken[0] == (0, {"loss": 1.0})


def test_a_server_that_never_answers_costs_its_patience_once(caplog):
    logger = BackgroundLogger(Server(answers=False), name="server", patience_s=0.5)
    started_at = time.monotonic()
    for step in range(100):
        logger.log_metrics({"loss": 0.0}, step)
    assert time.monotonic() - started_at < 0.4
    logger.finalize("success")
    assert time.monotonic() - started_at >= 0.5
    logger.log_metrics({"loss": 0.0}, 100)
    logger.finalize("success")
    assert time.monotonic() - started_at < 5
    (told,) = warnings_of(caplog)
    assert "101 calls were not taken within" in told
