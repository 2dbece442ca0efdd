"""The logger for MLflow."""

import os
from typing import Any

from pytorch_lightning import loggers

# with MLflow's own limits, minutes a call, nobody would learn soon that a server is down
_BOUNDS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}


class MlflowLogger(loggers.MLFlowLogger):
    """Lightning's logger; a call that the server does not answer fails in seconds.

    `BackgroundLogger` repeats such a call.

    Args:
        save_dir: the run directory, also of the database if no server is named.
        experiment_name: experiment of the run.
        tracking_uri: `http://HOST:PORT` or a database's address; None: `$MLFLOW_TRACKING_URI`, or
            else `RUN_DIR/mlflow.db`.
        settings: of Lightning's logger: run_name, tags and so on.

    Raises:
        ModuleNotFoundError: mlflow is not installed.
    """

    def __init__(
        self,
        *,
        save_dir: str,
        experiment_name: str,
        tracking_uri: str | None = None,
        **settings: Any,
    ) -> None:
        for name, value in _BOUNDS.items():
            os.environ.setdefault(name, value)
        own = f"sqlite:///{save_dir}/mlflow.db"
        super().__init__(
            experiment_name=experiment_name,
            tracking_uri=tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or own,
            save_dir=save_dir,
            **settings,
        )
