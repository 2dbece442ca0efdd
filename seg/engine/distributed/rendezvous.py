"""Rendezvous of several machines: the rank of this one, and where they meet; light to import."""

import os
import re
from dataclasses import dataclass

from seg.config.schema import TrainerTarget
from seg.errors import ConfigError

_RANK_NAMES = ("NODE_RANK", "SLURM_NODEID")
_FIRST_PORT, _PORTS = 20_000, 10_000


@dataclass(frozen=True)
class Rendezvous:
    """Meeting point of the processes of all machines.

    Attributes:
        rank: of this machine, from 0.
        address: host name or address of the first machine.
        port: a free one there.
    """

    rank: int
    address: str
    port: int


def is_follower(trainer: TrainerTarget) -> bool:
    """Return whether another machine is the first one, which has the run directory."""
    return trainer.nodes > 1 and (_node_rank() or 0) > 0


def find_rendezvous(trainer: TrainerTarget) -> Rendezvous:
    """Read the rendezvous from torchrun's environment variables, or else from SLURM's.

    Raises:
        ConfigError: the environment lacks the rank of this machine or the address of the first
            one; the rank is not below the number of machines.
    """
    rank = _node_rank()
    address = os.environ.get("MASTER_ADDR") or _first_host(os.environ.get("SLURM_JOB_NODELIST", ""))
    port = os.environ.get("MASTER_PORT") or _job_port(os.environ.get("SLURM_JOB_ID", ""))
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
    return Rendezvous(rank, address, int(port))


def _node_rank() -> int | None:
    ranks = (int(value) for name in _RANK_NAMES if (value := os.environ.get(name, "")).isdecimal())
    return next(ranks, None)


def _first_host(nodes: str) -> str:
    """Return the first of SLURM's list of hosts: `gpu[007-009,12],cpu1` -> `gpu007`."""
    match = re.match(r"([^\[,]*)(?:\[(\w+)[^\]]*\])?([^,]*)", nodes)
    return "".join(match.groups("")) if match else ""


def _job_port(job: str) -> int | None:
    """Return a port that differs between jobs that share a machine."""
    return _FIRST_PORT + int(job) % _PORTS if job.isdecimal() else None
