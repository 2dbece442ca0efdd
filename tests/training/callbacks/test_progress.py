"""What a run prints where there is no terminal: what begins, then lines at intervals."""

from seg.training.callbacks import progress
from tests.conftest import SMALL, seg


def test_lines_come_from_the_first_step_on(tmp_path):
    done = seg(
        "train", *SMALL, "trainer.check_val_every_n_epoch=2", "hydra.run.dir=r", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    lines = (done.stdout + done.stderr).splitlines()
    assert lines[0].startswith("training  Streets: 16 train, 6 val samples, 19 classes; 4 crops of")
    assert f"64 x 96 a batch on 1 x cpu; steps 0 to 8, 2 epochs; run {tmp_path / 'r'}" in lines[0]
    steps = [line.split()[1] for line in lines if line.startswith("step ")]
    assert steps[:7] == [f"{step}/8" for step in range(1, 8)]


def test_a_long_validation_has_lines(monkeypatch, caplog):
    class Trainer:
        global_step = 3
        num_val_batches = (200,)

    shown = progress.TrainingProgress()
    shown._writes_lines = True
    now = [100.0]
    monkeypatch.setattr(progress, "perf_counter", lambda: now[0])
    with caplog.at_level("INFO"):
        for batch in range(200):
            now[0] += 1
            shown.on_validation_batch_end(Trainer(), None, None, None, batch, 0)
    assert len(caplog.messages) == 200 // 30 + 1  # the first one at once: none has come before
    assert caplog.messages[-1] == "validation 181/200 batches"
