"""The Optuna study of a sweep, shared by its trials."""

from typing import Any

from seg.config.schema import TrialOf

STUDY = "sweep"
_WAIT_S = 60  # for another process that writes


def open_storage(address: str) -> Any:
    """Open Optuna's storage at an address such as `sqlite:////DIR/optuna.db`."""
    from optuna.storages import RDBStorage

    return RDBStorage(address, engine_kwargs={"connect_args": {"timeout": _WAIT_S}})


class ReportingTrial:
    """One trial of a study, as the process that runs it sees it.

    Args:
        section: of the configuration.
    """

    def __init__(self, section: TrialOf) -> None:
        import optuna
        from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner

        pruner: BasePruner
        if section.pruner == "hyperband":
            pruner = HyperbandPruner(min_resource=1)
        else:
            pruner = MedianPruner(
                n_startup_trials=section.startup_trials, n_warmup_steps=section.warmup
            )
        study = optuna.load_study(
            study_name=STUDY, storage=open_storage(section.storage), pruner=pruner
        )
        frozen = next(trial for trial in study.trials if trial.number == section.number)
        self._study = study
        self._number = section.number
        self._trial = optuna.trial.Trial(study, frozen._trial_id)

    def is_behind(self, value: float, validation: int) -> bool:
        """Report the value of a validation and return whether the trial should end.

        A validation that was reported before, by a run that was cut off, is not reported again.

        Args:
            value: the monitored one.
            validation: its number in the run, from 1 on.
        """
        frozen = self._study.get_trials(deepcopy=False)[self._number]
        if validation not in frozen.intermediate_values:
            self._trial.report(value, validation)
        return bool(self._trial.should_prune())
