"""Search by Optuna; its study is stored beside the trials, in `optuna.db`."""

import logging
import operator
from collections.abc import Mapping, Sequence
from copy import copy as shallow_copy
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from hydra.core.override_parser.types import Override

from seg.config.cli_overrides import quoted
from seg.config.former_keys import present_choice
from seg.errors import ConfigError
from seg.io.atomic import staged_path
from seg.sweeps.grid_search import Search
from seg.sweeps.search_spaces import samples_of, space_of
from seg.sweeps.trials import Trial
from seg.training.callbacks.optuna_study import STUDY, open_storage

DATABASE = "optuna.db"
_SAMPLERS, _PRUNERS = ("tpe", "random"), ("none", "median", "hyperband")


class OptunaSearch(Search):
    """Draws each trial by a sampler seeded by the trial's number, which knows the trials before.

    A sweep that was cut off goes on with the draws it would have made. A draw is in the study
    before its trial starts. Failed trials stay unfinished there, so that they can be retried.

    Args:
        sweeps: key -> what it is swept over.
        options: `conf/hydra/sweeper/tpe.yaml`.

    Raises:
        ConfigError: Optuna is not installed, or an option or a space is not valid.
    """

    def __init__(self, sweeps: Mapping[str, Override], options: Mapping[str, Any]) -> None:
        if find_spec("optuna") is None:
            raise ConfigError(
                f"hydra/sweeper={options['sampler']}: needs the extra `sweeps`: "
                "pip install 'seg-xception[sweeps]'; or list values (a,b,c) and give "
                "hydra/sweeper=grid"
            )
        for key, allowed in (("sampler", _SAMPLERS), ("pruner", _PRUNERS)):
            if options[key] not in allowed:
                known = ", ".join(allowed)
                raise ConfigError(f"hydra.sweeper.{key}={options[key]}; allowed: {known}")
        if not sweeps:
            raise ConfigError(
                "hydra/sweeper: nothing to draw; give KEY=interval(LOW,HIGH) or KEY=a,b,c"
            )
        self._spaces = {key: space_of(key, sweep) for key, sweep in sweeps.items()}
        self._options = options
        self.total = int(options["n_trials"])

    def start(self, directory: Path, *, maximize: bool, known: Sequence[Trial]) -> None:
        """Open or create the study; refuse known trials of other keys."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        for trial in known:
            if set(trial.choices) != set(self._spaces):
                recorded, keys = ", ".join(trial.choices), ", ".join(self._spaces)
                raise ConfigError(
                    f"resume: the trials in {directory} choose {recorded}, "
                    f"the command line {keys}\n"
                    f"  resume={directory} takes the line that began it"
                )
        self._direction: Literal["maximize", "minimize"] = "maximize" if maximize else "minimize"
        path = directory.resolve() / DATABASE
        self._address = f"sqlite:///{path}"
        if not path.exists():
            self._create(path, ())
        storage = open_storage(self._address)
        self._study = optuna.load_study(study_name=STUDY, storage=storage)
        before = self._study.get_trials(deepcopy=False)
        now = [_with_present_keys(each) for each in before]
        if any(map(operator.is_not, before, now)):  # a key of a study has one space for ever
            storage.engine.dispose()
            self._create(path, now)
            self._study = optuna.load_study(study_name=STUDY, storage=open_storage(self._address))

    def samples(self) -> list[dict[str, str]]:
        """Return every listed value once, for intervals the lower bound."""
        spaces = self._spaces.items()
        return samples_of({key: space.values or [space.first] for key, space in spaces})

    def choices(self, number: int) -> dict[str, str]:
        """Return a trial's choices; draw them on the first call."""
        if number >= len(self._study.get_trials(deepcopy=False)):
            self._draw(number)
        params = self._frozen(number).params
        return {key: space.text(params[key]) for key, space in self._spaces.items()}

    def extras(self, number: int) -> list[str]:
        """Return the overrides of the pruner, if there is one."""
        options = self._options
        if options["pruner"] == "none":
            return []
        section = {
            "storage": quoted(self._address),
            "number": number,
            "pruner": options["pruner"],
            "startup_trials": options["pruner_startup_trials"],
            "warmup": options["pruner_warmup"],
        }
        inner = ",".join(f"{key}:{value}" for key, value in section.items())
        return [f"_trial={{{inner}}}"]

    def ended(self, trial: Trial) -> float | None:
        """Record the end of a trial in the study; return the trial's value."""
        from optuna.trial import TrialState

        frozen = self._frozen(trial.number)
        if trial.state == "pruned":
            if not frozen.state.is_finished():
                self._study.tell(trial.number, state=TrialState.PRUNED)
            seen = frozen.intermediate_values
            return seen[max(seen)] if seen else None
        if trial.value is not None and not frozen.state.is_finished():
            self._study.tell(trial.number, trial.value)
        return trial.value

    def _create(self, path: Path, trials: Sequence[Any]) -> None:
        """Create a study of these trials in a staged file, so that it is complete or absent."""
        import optuna

        with staged_path(path) as staged:
            storage = open_storage(f"sqlite:///{staged}")
            study = optuna.create_study(
                study_name=STUDY, storage=storage, direction=self._direction
            )
            study.add_trials(trials)
            storage.engine.dispose()

    def _draw(self, number: int) -> None:
        """Draw from a copy, so that the study gets a trial with all its values at once."""
        import optuna
        from optuna.trial import TrialState, create_trial

        distributions = {key: space.distribution for key, space in self._spaces.items()}
        copy = optuna.create_study(direction=self._direction, sampler=self._sampler(number))
        ended = (TrialState.COMPLETE, TrialState.PRUNED)
        try:
            copy.add_trials(self._study.get_trials(deepcopy=False, states=ended))
            drawn = copy.ask(distributions).params
        except ValueError as error:
            raise ConfigError(
                f"{self._address}: its trials were drawn from other spaces ({error})"
            ) from None
        params = {key: space.rounded(drawn[key]) for key, space in self._spaces.items()}
        self._study.add_trial(
            create_trial(state=TrialState.RUNNING, params=params, distributions=distributions)
        )

    def _sampler(self, number: int) -> Any:
        """Return the sampler of one trial, seeded by the sweep's seed and the number."""
        import numpy as np
        from optuna.samplers import RandomSampler, TPESampler

        seed = int(np.random.SeedSequence([self._options["seed"], number]).generate_state(1)[0])
        if self._options["sampler"] == "random":
            return RandomSampler(seed=seed)
        return TPESampler(seed=seed, n_startup_trials=self._options["startup_trials"])

    def _frozen(self, number: int) -> Any:
        """Return a trial as the study has it."""
        return self._study.get_trials(deepcopy=False)[number]


def _with_present_keys(trial: Any) -> Any:
    """Return a trial with the present names of its keys and options."""
    from optuna.distributions import CategoricalDistribution

    pairs = {key: _present(key, value) for key, value in trial.params.items()}
    if dict(pairs.values()) == trial.params:
        return trial
    renamed = shallow_copy(trial)
    renamed.params = dict(pairs.values())
    renamed.distributions = {
        pairs[key][0]: CategoricalDistribution([_present(key, value)[1] for value in space.choices])
        if isinstance(space, CategoricalDistribution)
        else space
        for key, space in trial.distributions.items()
    }
    return renamed


def _present(key: str, value: Any) -> tuple[str, Any]:
    """Return a drawn key and its value with their present names."""
    present, _, text = present_choice(f"{key}={value}").partition("=")
    return present, text if isinstance(value, str) else value
