"""MLflow."""

import os
from typing import Any

from pytorch_lightning import loggers

# MLflow's own patience, minutes a call, would keep the first word about a server that is down back
_BOUNDS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}


class MlflowLogger(loggers.MLFlowLogger):
    """Lightning's; a call that a server does not take fails in seconds, for others to try again.

    Args:
        save_dir: the run directory; a store of its own lies there where no server is named.
        experiment_name: that the run belongs to.
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
