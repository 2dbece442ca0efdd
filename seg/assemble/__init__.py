"""Configuration -> parts: the composition root."""

from seg.assemble.networks import load_model, restore
from seg.assemble.parts import Parts, assemble, assemble_evaluation

__all__ = ["Parts", "assemble", "assemble_evaluation", "load_model", "restore"]
