"""Schema of the trainings: frozen sections, unknown keys refused, all errors at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, model_validator

from seg.config.budget import with_budget
from seg.config.former_names import with_present_names
from seg.config.hints import describe
from seg.config.images_target import ImagesTarget
from seg.config.section import Section, Target
from seg.errors import ConfigError

C = TypeVar("C", bound="Section")
Share = Annotated[float, Field(gt=0, lt=1)]
_CLASSIFICATION_SCORES = ("val/top1", "val/top5", "val/loss")
_STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_true")


class DatasetTarget(ImagesTarget):
    """Dataset, and what can be done around any dataset.

    Attributes:
        exclude: a `verify.json`; the samples that it names are left out.
        subset_fraction: share of the samples that is used, of every split.
        subset_seed: chooses them.
        cache: a directory for decoded samples, made on first use.
    """

    exclude: Path | None = None
    subset_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    subset_seed: Annotated[int, Field(ge=0)] = 0
    cache: Path | None = None


class Labels(Section):
    """Mapping of a dataset's classes, and what a network tells of them.

    Attributes:
        merge: new class -> the classes that it replaces.
        ignore: classes that are neither trained nor scored.
        keep: the only classes that are; empty: all.
        mode: how classes share a pixel; None: as the dataset's labels do.
        regions: name -> the classes whose union is one output.
        region_order: the class that each region writes into a label map; empty: the one class that
            no later region holds.
        thresholds: the probability from which on an output is present: one for all, one each, or
            `best_dice`: chosen on the validation split; None: 0.5.
    """

    merge: dict[str, list[str]] = Field(default_factory=dict)
    ignore: list[str] = Field(default_factory=list)
    keep: list[str] = Field(default_factory=list)
    mode: Literal["exclusive", "binary", "multi_label"] | None = None
    regions: dict[str, list[str]] = Field(default_factory=dict)
    region_order: list[str] = Field(default_factory=list)
    thresholds: Literal["best_dice"] | Share | list[Share] | None = None

    def mapping(self) -> dict[str, Any]:
        """Return the arguments of `LabelSpace.remapped`."""
        return self.model_dump(include={"merge", "ignore", "keep"})

    @model_validator(mode="after")
    def _check_mode(self) -> "Labels":
        if self.region_order and not self.regions:
            raise ValueError("region_order: needs labels.regions")
        if self.regions and self.mode not in (None, "multi_label"):
            raise ValueError(f"mode={self.mode}: labels.regions overlap; leave labels.mode out")
        return self


class TrainerTarget(Target):
    """Lightning's trainer, less settings with which it would end without a result."""

    @model_validator(mode="after")
    def _check_end(self) -> "TrainerTarget":
        node = self.node()
        if node.get("max_epochs", -1) in (-1, None) and node.get("max_steps", -1) == -1:
            raise ValueError("max_epochs=-1: the run would not end; give trainer.max_steps=...")
        if node.get("limit_val_batches") == 0:
            raise ValueError("limit_val_batches=0: nothing would be scored; give 1 or more")
        return self

    @model_validator(mode="after")
    def _check_processes(self) -> "TrainerTarget":
        node = self.node()
        for key in ("devices", "num_nodes"):
            value = node.get(key, 1)
            if not str(value).isdecimal() or int(value) < 1:
                raise ValueError(f"{key}={value}: give a number, 1 or more")
        if node.get("strategy", "auto") not in _STRATEGIES:
            raise ValueError(f"strategy={node['strategy']}; allowed: {', '.join(_STRATEGIES)}")
        if node.get("sync_batchnorm"):
            raise ValueError("sync_batchnorm=true: give batch_norm=sync, which CPUs can do too")
        return self

    @property
    def devices_a_node(self) -> int:
        """Return the number of processes on each machine, one a device."""
        return int(self.node().get("devices", 1))

    @property
    def nodes(self) -> int:
        """Return the number of machines."""
        return int(self.node().get("num_nodes", 1))

    @property
    def processes(self) -> int:
        """Return the number of processes that train one network together."""
        return self.devices_a_node * self.nodes


class Loader(Section):
    """Settings of the data loaders."""

    batch_size: Annotated[int, Field(ge=1)]
    eval_batch_size: Annotated[int, Field(ge=1)]
    num_workers: Annotated[int, Field(ge=0)]
    prefetch_factor: Annotated[int, Field(ge=1)]
    pin_memory: bool
    timeout_s: Annotated[float, Field(gt=0)] = 600.0


class NanPolicy(Section):
    """Reaction to a loss or weights that are not finite."""

    action: Literal["stop", "rollback"] = "stop"
    lr_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    max_rollbacks: Annotated[int, Field(ge=1)] = 3

    @property
    def rollbacks(self) -> int:
        """Return how many rollbacks are allowed."""
        return self.max_rollbacks if self.action == "rollback" else 0


class TrialOf(Section):
    """Study that a trial of a sweep reports to, and that may prune it.

    Attributes:
        storage: address of an Optuna storage.
        number: of the trial.
        pruner: method of the decision.
        startup_trials: of `median`: no trial is pruned before so many have ended.
        warmup: of `median`: nor before so many validations.
    """

    storage: str
    number: Annotated[int, Field(ge=0)]
    pruner: Literal["median", "hyperband"]
    startup_trials: Annotated[int, Field(ge=0)]
    warmup: Annotated[int, Field(ge=0)]


class FitConfig(Section):
    """Configuration of any command that fits a network."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    resume: str | None = None
    keep_global_batch_size: bool = False
    extend: bool | None = None
    nan_policy: NanPolicy = NanPolicy()
    dry_run: bool
    channels_last: bool
    weights: str | None
    strict: bool = True  # what has a default here came later: older checkpoints lack it
    moving_average: bool | None = None
    reset_head: bool = False
    loader: Loader
    encoder: Target
    optimizer: Target
    scheduler: Target
    param_groups: Target = Target(target="seg.optim.groups.ParameterGroups")
    batch_norm: Target = Target(target="seg.models.batch_norm.BatchNormPolicy")
    trainer: TrainerTarget
    callbacks: dict[str, Target | None]
    logger: dict[str, Target | None]
    trial: Annotated[TrialOf | None, Field(alias="_trial")] = None

    @property
    def keeper(self) -> dict[str, Any] | None:
        """Return the node of the callback that chooses the best weights; None if there is none."""
        callback = self.callbacks.get("checkpoints")
        return None if callback is None else callback.node()

    @model_validator(mode="before")
    @classmethod
    def _settle_budget(cls, plain: Any) -> Any:
        return with_budget(plain)

    @model_validator(mode="after")
    def _check_rollback(self) -> "FitConfig":
        if self.nan_policy.action == "rollback" and self.trainer.processes > 1:
            raise ValueError("nan_policy.action=rollback: needs trainer.devices=1; give stop")
        return self


class TrainConfig(FitConfig):
    """`conf/train.yaml`."""

    dataset: DatasetTarget
    labels: Labels = Labels()
    sampler: Target | None = None
    augmentation: Target
    decoder: Target
    loss: Target
    distillation: Target | None = None
    semi_supervised: Target | None = None
    aux_head: Target | None = None
    plugins: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check_teachers(self) -> "TrainConfig":
        if self.distillation is not None and self.semi_supervised is not None:
            raise ValueError("distillation and semi_supervised: give one of them")
        return self


class PretrainConfig(FitConfig):
    """`conf/pretrain.yaml`."""

    classification_dataset: ImagesTarget
    classification_augmentation: Target
    mixup: Target | None = None
    head: Target
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]

    @model_validator(mode="after")
    def _check_monitor(self) -> "PretrainConfig":
        monitor = None if self.keeper is None else self.keeper.get("monitor")
        if monitor is not None and monitor not in _CLASSIFICATION_SCORES:
            raise ValueError(
                f"callbacks.checkpoints.monitor={monitor}: is not scored here; allowed: "
                f"{', '.join(_CLASSIFICATION_SCORES)}; give callbacks=classification or "
                "callbacks=classification_ema"
            )
        return self


class DatasetChoice(Section):
    """Dataset section by itself."""

    dataset: DatasetTarget


def foreign_sections(schema: type[Section]) -> set[str]:
    """Return the sections of training that a command lacks; a dataset's recipe may set them."""
    return set(TrainConfig.model_fields) - set(schema.model_fields)


def validate(schema: type[C], plain: Mapping[str, Any]) -> C:
    """Validate a composed configuration.

    Raises:
        ConfigError: every wrong key and value, each on a line, with the nearest allowed name.
    """
    try:
        return schema.model_validate(with_present_names(plain))
    except ValidationError as error:
        lines = [describe(schema, detail) for detail in error.errors()]
        raise ConfigError("\n".join(lines)) from None
