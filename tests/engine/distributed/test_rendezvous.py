"""Which machine this is, by torchrun's variables and by SLURM's."""

import pytest

from seg.config.schema import TrainerTarget
from seg.engine.distributed.rendezvous import Rendezvous, find_rendezvous, is_follower
from seg.errors import ConfigError

THREE = TrainerTarget(_target_="pytorch_lightning.Trainer", max_epochs=1, num_nodes=3)
ONE = THREE.model_copy(update={"num_nodes": 1})


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch):
    names = ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
    slurm = ("SLURM_NODEID", "SLURM_JOB_NODELIST", "SLURM_JOB_ID")
    for name in (*names, *slurm):
        monkeypatch.delenv(name, raising=False)


def say(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_by_hand(monkeypatch):
    say(monkeypatch, NODE_RANK="2", MASTER_ADDR="10.0.0.1", MASTER_PORT="29500")
    assert find_rendezvous(THREE) == Rendezvous(2, "10.0.0.1", 29500)
    assert is_follower(THREE)
    assert not is_follower(ONE)


# lists as `scontrol show hostnames` takes them
@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("gpu[007-009,12],cpu1", "gpu007"),
        ("node1", "node1"),
        ("a,b[1-2]", "a"),
        ("rack[3,5]-ib", "rack3-ib"),
        ("n-1-[02-04]", "n-1-02"),
    ],
)
def test_by_slurm(monkeypatch, nodes, first):
    say(monkeypatch, SLURM_NODEID="0", SLURM_JOB_NODELIST=nodes, SLURM_JOB_ID="1234567")
    assert find_rendezvous(THREE) == Rendezvous(0, first, 24567)
    assert not is_follower(THREE)


def test_nothing_said():
    with pytest.raises(ConfigError, match=r"num_nodes=3.*which machine"):
        find_rendezvous(THREE)


def test_more_machines_than_were_told(monkeypatch):
    say(monkeypatch, NODE_RANK="3", MASTER_ADDR="a", MASTER_PORT="1")
    with pytest.raises(ConfigError, match="this is machine 3"):
        find_rendezvous(THREE)
