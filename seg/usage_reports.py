"""Reports of libraries (usage data, errors, version checks), which are switched off."""

import os
import sys

_VARIABLES = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime, from its import on
    "DO_NOT_TRACK": "1",  # several; consoledonottrack.com
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "NO_ALBUMENTATIONS_UPDATE": "1",  # asks for a newer version at its import
    "LITDATA_DISABLE_VERSION_CHECK": "1",  # likewise
    "RAY_USAGE_STATS_ENABLED": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",  # runs go where the logger sends them
    "GRADIO_ANALYTICS_ENABLED": "False",  # of trackio
}
_REPORTING_MODULE = "openvino_telemetry"  # OpenVINO and NNCF report unless its import fails


def switch_off_usage_reports() -> None:
    """Tell libraries to report nothing; called before any of them is imported.

    A variable that the user has set keeps its value.
    """
    for name, value in _VARIABLES.items():
        os.environ.setdefault(name, value)
    sys.modules.setdefault(_REPORTING_MODULE, None)  # type: ignore[arg-type]
