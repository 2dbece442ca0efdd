"""Which of several machines this one is, and where they meet; light to import."""

import os
import re
from dataclasses import dataclass

from seg.config.schema import TrainerTarget
from seg.errors import ConfigError

_RANK_NAMES = ("NODE_RANK", "SLURM_NODEID")
_FIRST_PORT, _PORTS = 20_000, 10_000


@dataclass(frozen=True)
class Meeting:
    """Where the processes of all machines meet.

    Attributes:
        rank: of this machine, from 0.
        address: host name or address of the first machine.
        port: a free one there.
    """

    rank: int
    address: str
    port: int


def follows(trainer: TrainerTarget) -> bool:
    """Whether another machine is the first and so has the run directory."""
    return trainer.nodes > 1 and (_rank() or 0) > 0


def meeting(trainer: TrainerTarget) -> Meeting:
    """What the environment says: torchrun's variables, or else SLURM's.

    Raises:
        ConfigError: nobody has said which machine this is and where the first one is; a rank
            outside the machines.
    """
    rank = _rank()
    address = os.environ.get("MASTER_ADDR") or _first_of(os.environ.get("SLURM_JOB_NODELIST", ""))
    port = os.environ.get("MASTER_PORT") or _port_of(os.environ.get("SLURM_JOB_ID", ""))
    if rank is None or not address or port is None:
        raise ConfigError(
            f"trainer.num_nodes={trainer.nodes}: nothing says which machine this is\n"
            "  give this command on each machine with NODE_RANK=0, 1, ... and the same MASTER_ADDR"
            " and MASTER_PORT, or once a node by SLURM (srun --ntasks-per-node=1)"
        )
    if rank >= trainer.nodes:
        raise ConfigError(
            f"trainer.num_nodes={trainer.nodes}: this is machine {rank}, counted from 0;"
            " give the number of all machines"
        )
    return Meeting(rank, address, int(port))


def _rank() -> int | None:
    found = [os.environ[name] for name in _RANK_NAMES if os.environ.get(name, "").isdecimal()]
    return int(found[0]) if found else None


def _first_of(nodes: str) -> str:
    """SLURM's list of hosts -> the first: `gpu[007-009,12],cpu1` -> `gpu007`."""
    found = re.match(r"([^\[,]*)(?:\[(\w+)[^\]]*\])?([^,]*)", nodes)
    return "".join(found.groups("")) if found else ""


def _port_of(job: str) -> int | None:
    """Jobs that share a machine get ports of their own."""
    return _FIRST_PORT + int(job) % _PORTS if job.isdecimal() else None
