#!/usr/bin/env bash
# Believed: a checkpoint of a run with Lightning's `EMAWeightAveraging` holds the averages under `state_dict` and the weights in
#   training under `current_model_state`, whenever it is saved.
# Seen (pytorch-lightning 2.6.6): one that is saved during a validation holds them the other way round, as the two are swapped
#   while a validation runs. A run that resumes from it trains on from the averages, and the weights in training are validated.
# Remedy: save after a validation, not in its midst (at a signal, say).
# Exits 1 if that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check pytorch-lightning==2.6.6 torch==2.14.1 numpy==2.4.6
cat > "$directory/seen.py" <<'PYTHON'
import logging
import sys
import warnings
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EMAWeightAveraging
from torch.utils.data import DataLoader

warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
here = Path(sys.argv[1])


class Task(pl.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(3, 1)

    def training_step(self, batch, _):
        return self.layer(batch).square().mean()

    def on_train_batch_end(self, *_):
        self.in_training = self.layer.weight.detach().clone()

    def validation_step(self, batch, _):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.5)


class Save(Callback):
    def on_validation_batch_end(self, trainer, *_):
        trainer.save_checkpoint(here / "during.ckpt")

    def on_validation_end(self, trainer, *_):
        trainer.save_checkpoint(here / "after.ckpt")


task, data = Task(), DataLoader(torch.randn(12, 3), batch_size=4)
trainer = pl.Trainer(
    max_epochs=1, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
    enable_checkpointing=False, num_sanity_val_steps=0, limit_val_batches=1,
    callbacks=[EMAWeightAveraging(decay=0.6), Save()],
)
trainer.fit(task, data, data)
print("pytorch-lightning", pl.__version__, "torch", torch.__version__)
seen = {}
for name in ("after", "during"):
    content = torch.load(here / f"{name}.ckpt", weights_only=False)
    for part in ("state_dict", "current_model_state"):
        seen[name, part] = torch.equal(content[part]["layer.weight"], task.in_training)
        print(f"saved {name} a validation: {part} holds the weights in training: {seen[name, part]}")
swapped = {("after", "state_dict"): False, ("after", "current_model_state"): True}
swapped |= {("during", "state_dict"): True, ("during", "current_model_state"): False}
sys.exit(seen != swapped)
PYTHON
"$directory/venv/bin/python" "$directory/seen.py" "$directory"
