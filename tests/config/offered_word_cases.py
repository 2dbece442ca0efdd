"""Command lines whose answers offer something to type; nothing is built."""

from tests.remedies import Case

CASES = (
    Case("or compare=[RUN_A,RUN_B]", "evaluate", r"compare=\[.*?\]"),
    Case("or compare=[RUN_A,RUN_B]", "evaluate", r"checkpoint=\.\.\."),
    Case("{}: missing; give {}=...", "predict", r"checkpoint=\.\.\.", then="input: missing"),
    Case("{}: missing; give {}=...", "predict checkpoint=x", r"input=\.\.\."),
    Case("shard={}: allowed are 0 to {}", "predict checkpoint=x input=x shard=3", r"are (\d+)"),
    Case(
        "the run would not end; give trainer.max_steps=...",
        "train trainer.max_epochs=-1",
        r"trainer\.max_steps=\.\.\.",
    ),
    Case("nothing would be scored; give 1", "train trainer.limit_val_batches=0", "give (.*) or"),
    Case("give a number, 1 or more", "train trainer.devices=0", "number, (.*) or more"),
    Case(
        "sync_batchnorm=true: give batch_norm=sync",
        "train +trainer.sync_batchnorm=true",
        "batch_norm=sync",
        leaves="sync_batchnorm",
    ),
    Case(
        "needs trainer.devices=1",
        "train nan_policy.action=rollback trainer.devices=2",
        r"trainer\.devices=1",
    ),
    Case("needs trainer.devices=1", "train trainer.devices=2 nan_policy.action=rollback", "stop"),
    *(
        Case("is not scored here; allowed:", "pretrain callbacks=default", f"give .*({option})")
        for option in ("callbacks=classification", "callbacks=classification_ema")
    ),
    Case(
        "your own images: classification_dataset=image_folder",
        "pretrain classification_dataset=own/",
        "classification_dataset=image_folder .*",
    ),
    Case(
        "your own images and labels: dataset=folder",
        "train dataset=own/",
        "dataset=folder .*",
    ),
    Case("{}: is there already; write", "train +trainer.strategy=auto", "write (.*) without"),
    Case("{}: is chosen already; write", "train +decoder=smp", "write (.*) without"),
    *(
        Case("did you mean {}?", f"{command} own", takes, leaves="^own$")
        for command, takes in (
            ("train", r"mean (.*?) or"),
            ("train", r"or (resume=.*)\?"),
            ("pretrain", r"mean (.*?) or"),
        )
    ),
    Case("{}: is no KEY=VALUE", "prepare stats own", r"mean (.*)\?", leaves="^own$"),
    Case("{}: is a word; give {} if", "train 'loss.label_smoothing=\"0.1\"'", "give (.*) if"),
    Case("; did you mean {}?", "train dataset=camvidd", r"mean (\w+)\?"),
    Case("allowed: {} or more", "train seed=-1", r"allowed: (\d+) or"),
    Case("allowed: {}, ", "predict checkpoint=x input=x backend=slurm", r"allowed: (\w+)"),
)
