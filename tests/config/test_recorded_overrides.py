from pathlib import Path

import pytest

from seg.config.recorded_overrides import check_recorded
from seg.errors import ConfigError

RECORD = Path("run", ".hydra", "overrides.yaml")


@pytest.mark.parametrize(
    "choice",
    [
        "encoder=aligned_xception41",
        "encoder=aligned_xception41,aligned_xception65",
        "experiment=null",
        "~sampler",
        "optimizer.lr=1e-3,1e-2",
        "optimizer.lr=tag(log,interval(1e-4,1e-1))",
        "dataset.root='my data (1)'",
        "labels.merge={vehicle:[car,truck]}",
        "optimizer._target_=torch.optim.AdamW",
        "augmentation.crop=[64,96]",
        "augmentation.transforms.0.crop=${augmentation.crop}",
        "_trial={number:3}",
        "logger.tensorboard.version=curves/2",
        "+logger.mlflow.tracking_uri=https://example.org/mlflow",
        "logger=[csv,tensorboard]",
        "plugins=[]",
    ],
)
def test_what_only_chooses_is_taken_up(choice):
    check_recorded([choice], RECORD)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ("+callbacks@hydra.callbacks=default", "Hydra's own settings"),
        ("+callbacks@_global_.hydra.callbacks=default", "Hydra's own settings"),
        ("++hydra.job.chdir=true", "Hydra's own settings"),
        ("hydra/job_logging=none", "Hydra's own settings"),
        ("hydra=no_run_dir", "Hydra's own settings"),
        ("experiment=../../tmp/x", "no option of experiment"),
        ("experiment=[/tmp/x]", "no option of experiment"),
        ("encoder={_target_: seg.models.encoders.create_encoder}", "no option of encoder"),
        ("encoder._target_=seg.models.weights.download.fetch", "not registered for encoder"),
        ("encoder._target_='os.system',b", "not registered for encoder"),
        ("+encoder.variant={_target_: seg.data.readers.sha256.sha256_of}", "not registered"),
        ("+encoder.variant={a: [{_target_: 'os.system'}]}", "not registered for encoder"),
        ("+encoder.variant={a: 1},{_target_: os.system}", "not registered for encoder"),
        ("+callbacks.x._target_=pytorch_lightning.callbacks.EarlyStopping", "not registered"),
        ("seed=${oc.env:HOME}", "calls a resolver"),
        ("+a={b: '${oc.create:x}'}", "calls a resolver"),
        ("logger.tensorboard.version=/tmp/x", "outside the run directory"),
        ("+logger.tensorboard.sub_dir=../../x", "outside the run directory"),
        ("+logger.tensorboard={name: '..\\\\x'}", "outside the run directory"),
        ("logger.tensorboard.name=${dataset.root}", "outside the run directory"),
        ("+logger.mlflow.tracking_uri=sqlite:////tmp/x.db", "outside the run directory"),
        ("+logger.mlflow.tracking_uri=file:/tmp/x", "outside the run directory"),
        ("plugins=[my_package.MyEncoder]", "lets a checkpoint name classes of plugins"),
        ("++plugins.0=my_package.MyEncoder", "lets a checkpoint name classes of plugins"),
        ("a", "no KEY=VALUE"),
    ],
)
def test_what_reaches_further_is_refused_unless_typed(choice, reason):
    with pytest.raises(ConfigError, match=r"overrides\.yaml") as caught:
        check_recorded(["seed=1", choice], RECORD)
    assert reason in str(caught.value)
    assert "type this choice again" in str(caught.value)
    check_recorded(["seed=1", choice], RECORD, [choice])
