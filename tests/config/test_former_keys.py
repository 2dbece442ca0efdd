"""Each group, option and key of before is found under its name of today, in records alone."""

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from seg.config.conf_dir import conf_dir
from seg.config.former_keys import (
    COMMAND_KEYS,
    KEYS,
    OPPOSITES,
    OPTIONS,
    present_choice,
    present_choices,
    present_key,
    renamed,
    renamed_option,
    with_present_keys,
)
from seg.config.recorded_overrides import check_recorded
from seg.config.schema import PretrainConfig, TrainConfig, validate
from seg.engine.resume_argument import expand_resume
from seg.errors import ConfigError
from seg.reports.run_files import read_config
from seg.sweeps.trials import Sweep, Trial, read_overrides, read_sweep, write_sweep
from tests.conftest import seg

CONFIG = 2


def composed(command, *line, schema=TrainConfig):
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose(command, list(line))
    plain = OmegaConf.to_container(config, resolve=True)
    return {key: value for key, value in plain.items() if key in schema.model_fields}


DISTILLED, MEAN_TEACHER = (
    f"seg.distillation.{name}" for name in ("distillation.Distillation", "mean_teacher.MeanTeacher")
)


def known_keys(section):
    """The keys of a section as the options of its group and the commands list them."""
    files = [*(conf_dir() / section).glob("*.yaml")]
    found = {key for file in files for key in yaml.safe_load(file.read_text()) or {}}
    for file in conf_dir().glob("*.yaml"):
        found |= set((yaml.safe_load(file.read_text()).get(section) or {}) if files else ())
    return found


@pytest.mark.parametrize(("former", "present"), KEYS.items())
def test_a_former_key_stands_where_the_table_says(former, present):
    section, _, name = present.partition(".")
    commands = [yaml.safe_load(file.read_text()) for file in conf_dir().glob("*.yaml")]
    top = {key for command in commands for key in command}
    groups = {next(iter(entry)) for c in commands for entry in c["defaults"] if entry != "_self_"}
    assert (name in known_keys(section)) if name else present in top | groups
    assert present_key(former) == present
    assert present_key(present) == present, "a name of today is nobody's former name"
    assert renamed(former) == present
    assert present_choice(f"{former}=7") == f"{present}=7"
    assert present_choice(f"++{former}.inner=7") == f"++{present}.inner=7"
    assert present_choice(f"~{former}") == f"~{present}"
    assert present_choice(f"hydra.sweeper.params.{former}=1,2") == (
        f"hydra.sweeper.params.{present}=1,2"
    )


@pytest.mark.parametrize(("former", "present"), OPPOSITES.items())
@pytest.mark.parametrize(("value", "opposite"), [("true", "false"), ("False", "true"), ("0", "1")])
def test_a_truth_value_becomes_its_opposite(former, present, value, opposite):
    assert present_choice(f"{former}={value}") == f"{present}={opposite}"
    assert present_choice(f"++{former}={value},{opposite}") in (
        f"++{present}={opposite},{other}" for other in ("true", "false", "0")
    )
    section, dot, _ = present.rpartition(".")
    assert renamed(former).startswith(f"{section}{dot}strict")
    assert known_keys(section) >= {"strict"} if section else present in composed("train")
    for truth in (True, False):
        before = {"partial": truth}
        found = with_present_keys({"encoder": before} if section else before)
        assert (found["encoder"] if section else found) == {"strict": not truth}


@pytest.mark.parametrize(
    ("group", "former", "present"),
    [(group, *pair) for group, options in OPTIONS.items() for pair in options.items()],
)
def test_a_former_option_is_there_under_its_present_name(group, former, present):
    assert (conf_dir() / group / f"{present}.yaml").is_file()
    assert not (conf_dir() / group / f"{former}.yaml").exists()
    assert renamed_option(group, former) == present
    was = {name: key for key, name in KEYS.items()}.get(group, group)
    was = "teaching" if group == "distillation" else was
    assert present_choice(f"{was}={former}") == f"{group}={present}"
    assert present_choice(f"+{was}={former},null") == f"+{group}={present},null"
    assert present_choice(f"{was}=choice({former},other)") == f"{group}=choice({present},other)"


@pytest.mark.parametrize(
    ("former", "present"),
    [
        ("teaching=null", "distillation=null"),
        ("teaching=mean_teacher", "semi_supervised=mean_teacher"),
        (
            "hydra.sweeper.params.teaching=null,mean_teacher",
            "hydra.sweeper.params.semi_supervised=null,mean_teacher",
        ),
        (
            "hydra.sweeper.params.augmentation=street_mild,none",
            "hydra.sweeper.params.augmentation=weak,none",
        ),
        ("teaching.images=a/b", "semi_supervised.images=a/b"),
        ("teaching.checkpoint=runs/x", "distillation.checkpoint=runs/x"),
        ("teaching.objectives.0.weight=2", "distillation.objectives.0.weight=2"),
        (
            "image_augmentation@_global_.image_augmentation=objects",
            "classification_augmentation@_global_.classification_augmentation=objects",
        ),
        ("x=${image_augmentation.size}", "x=${classification_augmentation.size}"),
        ("optimizer=sgd", "optimizer=sgd"),
        ("encoder.variant={between: none}", "encoder.variant={between: none}"),
        ("not a choice", "not a choice"),
    ],
)
def test_a_recorded_choice(former, present):
    assert present_choices([former, present]) == [present, present]


def test_a_recorded_configuration_is_the_one_of_today():
    now = validate(TrainConfig, composed("train", "aux_head=fcn")).model_dump(by_alias=True)
    before = {**now, "dataset": dict(now["dataset"]), "callbacks": dict(now["callbacks"])}
    before["partial"] = not before.pop("strict")
    for former, present in KEYS.items():
        section, _, name = present.rpartition(".")
        place = before.get(section, {}) if section else before
        if name in place:
            place[former.rpartition(".")[2]] = place.pop(name)
    assert {"quarantine", "fraction", "fraction_seed"} <= before["dataset"].keys()
    for key in ("distillation", "semi_supervised"):
        del before[key]
    for teaching in (None, {"_target_": DISTILLED}, {"_target_": MEAN_TEACHER}):
        found = with_present_keys({**before, "teaching": teaching})
        key = "semi_supervised" if teaching == {"_target_": MEAN_TEACHER} else "distillation"
        assert found == {**{k: now[k] for k in now if k in found}, key: teaching}
        assert set(now) - set(found) <= {"distillation", "semi_supervised"}
    assert with_present_keys(now) == now
    plain = composed("pretrain", "mixup=cutmix_mixup", schema=PretrainConfig)
    mixing = {"_target_": plain["mixup"]["_target_"], "mixup": 0.2, "cutmix": 1.0, "switch": 0.5}
    before = {**plain, "mixing": mixing, "classifier": plain["head"]}
    del before["mixup"], before["head"]
    found = with_present_keys(before)
    assert found["mixup"]["mixup_alpha"] == 0.2
    assert found["mixup"]["cutmix_alpha"] == 1.0
    assert validate(PretrainConfig, found).head == validate(PretrainConfig, plain).head


def test_every_reader_of_a_record_translates_it(tmp_path):
    (tmp_path / ".hydra").mkdir()
    choices = ["teaching=distillation_maps", "parameters.layer_decay=0.9", "trial={number:3}"]
    (tmp_path / ".hydra/overrides.yaml").write_text(yaml.safe_dump(choices))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"rescale": True, "parameters": {"x": 1}}))
    present = ["distillation=features", "param_groups.layer_decay=0.9"]
    assert read_overrides(tmp_path) == [*present, "_trial={number:3}"]
    assert expand_resume([f"resume={tmp_path}"], "train")[:2] == present
    assert read_config(tmp_path / "config.yaml") == {
        "keep_global_batch_size": True,
        "param_groups": {"x": 1},
    }
    trial = Trial(0, {"augmentation": "street_mild", "+parameters.layer_decay": "0.9"}, "failed")
    line = ["augmentation=street_mild,street_strong", "+parameters.layer_decay=0.9,1.0"]
    write_sweep(tmp_path, Sweep("train", line, "val/miou", trials=(trial,)))
    sweep = read_sweep(tmp_path)
    assert list(sweep.line) == ["augmentation=weak,strong", "+param_groups.layer_decay=0.9,1.0"]
    assert sweep.trials[0].choices == {"augmentation": "weak", "+param_groups.layer_decay": "0.9"}


def test_a_former_name_beside_its_present_one_is_refused():
    plain = composed("train")
    with pytest.raises(ConfigError, match="auxiliary: no such key"):
        validate(TrainConfig, with_present_keys({**plain, "aux_head": None, "auxiliary": None}))


@pytest.mark.parametrize("damaged", [None, [], "text", {3: {4: 5}}])
def test_a_damaged_record_stays_what_it_is(damaged):
    assert with_present_keys(damaged) == damaged


@pytest.mark.parametrize(
    "choice",
    [
        "classifier._target_=os.system",
        "teaching._target_=builtins.exec",
        "teaching=../../x",
        "parameters=[${oc.env:HOME}]",
    ],
)
def test_a_former_name_lets_a_record_say_no_more(choice, tmp_path):
    with pytest.raises(ConfigError):
        check_recorded([present_choice(choice)], tmp_path)


@pytest.mark.parametrize(("former", "present"), COMMAND_KEYS.items())
def test_a_former_key_of_a_command_is_named_by_commands_that_have_the_present_one(former, present):
    section = present.partition(".")[0]
    commands = [yaml.safe_load(file.read_text()) for file in conf_dir().glob("*.yaml")]
    found = [command for command in commands if section in command and former not in command]
    assert found
    assert renamed(former, found[0]) == present
    assert renamed(former, {"dataset"}) == ""
    assert present_key(former) == former


@pytest.mark.parametrize(
    ("command", "typed", "remedy"),
    [
        ("train", "parameters=fine_tuning", "parameters is called param_groups now"),
        ("train", "+auxiliary.channels=8", "auxiliary is called aux_head now"),
        ("train", "teaching=distillation", "is called distillation, or semi_supervised=mean_"),
        ("train", "distillation=distillation_maps", "is called distillation=features now"),
        ("pretrain", "classifier=gap", "classifier is called head now"),
        ("train", "partial=true", "partial is called strict, its opposite, now"),
        ("train", "dataset.quarantine=a.json", "is called dataset.exclude now"),
        ("train", "augmentation=street_mild", "street_mild is called augmentation=weak now"),
        ("train", "callbacks=moving_average", "moving_average is called callbacks=ema now"),
        ("predict", "predict=ray", "predict is called backend now"),
        ("export", "pictures=4", "pictures is called num_images now"),
        ("weights", "action=list", "action is called task now"),
        ("pretrain", "head=gap", "gap is called head=global_average_pool now"),
    ],
)
def test_a_former_name_that_is_typed_is_refused_with_its_present_one(
    command, typed, remedy, tmp_path
):
    done = seg(command, typed, cwd=tmp_path)
    assert done.returncode == CONFIG
    assert remedy in done.stderr
    assert len(done.stderr.splitlines()) <= 3
