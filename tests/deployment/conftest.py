"""The small network, and what it was exported to: made once, since tracing takes seconds."""

import pytest

import seg as package
from seg.deployment.format_interface import find_format
from tests.deployment.networks import exported, small_network


@pytest.fixture(scope="session")
def network():
    return small_network()


@pytest.fixture(scope="session")
def exports(tmp_path_factory, network):
    """Format and fields of an `ExportSpec` -> the exported file; skips what lacks a package."""
    made = {}

    def export(name, **spec):
        for module in {**find_format(name).writing, **find_format(name).running}:
            pytest.importorskip(module)
        key = (name, *sorted(spec.items()))
        if key not in made:
            made[key] = exported(tmp_path_factory.mktemp(name), name, network, **spec)
        return made[key]

    return export


@pytest.fixture(scope="session")
def pt2_engine(exports):
    return package.load_model(exports("pt2"), trust=True)
