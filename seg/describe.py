"""Command `python -m seg.describe [network|encoders|scale]`: cost of networks."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seg.interruption import exiting_when_interrupted

with exiting_when_interrupted():
    from seg.app import app
    from seg.config.commands import DescribeConfig

if TYPE_CHECKING:
    from torch import nn

    from seg.profiling.summary import Description, Shape

log = logging.getLogger(__name__)


@app("describe", DescribeConfig, positional="task")
def main(config: DescribeConfig, run_dir: Path) -> None:
    """Print the table; write it as `describe.json`, networks also as `describe.png`."""
    from seg.training.callbacks.silence_warnings import quiet

    quiet()
    {"network": _network, "encoders": _encoders, "scale": _scale}[config.task](config, run_dir)
    log.info("also written to %s", run_dir)


def _network(config: DescribeConfig, run_dir: Path) -> None:
    from seg.build.instantiate import build, check_sections
    from seg.io.atomic import write_json
    from seg.models.segmenter import Segmenter
    from seg.profiling.latency import with_full_convolutions
    from seg.profiling.summary import describe, network_table, savings, savings_table

    check_sections(config, "encoder", "decoder")
    channels, height, width = map(int, config.input.split("x"))
    shape = (channels, height, width)
    encoder: nn.Module = build("encoder", config.encoder.node(), in_channels=channels)
    decoder: nn.Module = build(
        "decoder", config.decoder.node(), encoder=encoder, num_classes=config.num_classes
    )
    model = Segmenter(encoder, decoder)
    separable = describe(model, shape)
    log.info("%s\n", network_table(separable, layers=config.layers))
    content: dict[str, Any] = {
        "input": list(shape),
        "network": vars(separable.whole),
        "flows": [vars(row) for row in separable.flows],
        "layers": [vars(row) for row in separable.layers],
    }
    full = with_full_convolutions(model)
    other = None
    if full is not None:
        other = describe(full, shape)
        saved = savings(model, separable, other)
        log.info("%s\n", savings_table(saved))
        content["full_convolutions"] = {
            "network": vars(other.whole),
            "flows": [vars(row) for row in other.flows],
            "savings": [{**vars(each), "formula": each.formula} for each in saved],
        }
    content["seconds"] = _seconds(
        config, model=model, full=full, shape=shape, separable=separable, other=other
    )
    write_json(run_dir / "describe.json", content)
    _draw(separable, other, content["seconds"], run_dir)


def _seconds(
    config: DescribeConfig,
    *,
    model: "nn.Module",
    full: "nn.Module | None",
    shape: "Shape",
    separable: "Description",
    other: "Description | None",
) -> dict[str, dict[str, list[float]]]:
    """Return network -> flow -> seconds in each round; the empty name is all of it."""
    if not config.rounds:
        return {}
    from seg.inference.device import choose_device
    from seg.profiling.latency import measure

    device = choose_device(config.device)
    networks = {"separable": model} | ({} if full is None else {"full": full})
    flows = [row.name for row in separable.flows]
    times = measure(networks, shape, flows=flows, rounds=config.rounds, device=device)
    ours = times["separable"][""]
    log.info("%.3f s an image on %s, spread %.0f %%", ours.median_s, device, 100 * ours.spread)
    if other is not None:
        theirs = times["full"][""]
        log.info(
            "with full convolutions: %.2f times the parameters, %.2f times the multiply-adds, "
            "%.2f times the seconds (%.3f)",
            other.whole.parameters / separable.whole.parameters,
            other.whole.multiply_adds / separable.whole.multiply_adds,
            theirs.median_s / ours.median_s,
            theirs.median_s,
        )
    return {
        name: {flow: list(timing.seconds) for flow, timing in each.items()}
        for name, each in times.items()
    }


def _draw(
    separable: "Description",
    other: "Description | None",
    seconds: dict[str, dict[str, list[float]]],
    run_dir: Path,
) -> None:
    from statistics import median

    from seg.profiling.plots import bars
    from seg.visualization.grids import save_png

    full = {} if other is None else {row.name: row for row in other.flows}
    groups = {
        heading: {
            row.name: (
                getattr(row, key) / unit,
                getattr(full[row.name], key) / unit if full else None,
            )
            for row in separable.flows
        }
        for heading, key, unit in (
            ("G multiply-adds", "multiply_adds", 1e9),
            ("M parameters", "parameters", 1e6),
        )
    }
    if seconds:
        theirs = seconds.get("full")
        groups["seconds"] = {
            flow: (median(taken), median(theirs[flow]) if theirs else None)
            for flow, taken in seconds["separable"].items()
            if flow
        }
    title = "Flow by flow" + (" (light: with full convolutions)" if full else "")
    save_png(run_dir / "describe.png", bars(title, groups))


def _encoders(config: DescribeConfig, run_dir: Path) -> None:
    from seg.io.atomic import write_json
    from seg.profiling.encoders import classifications, encoders_table
    from seg.profiling.plots import accuracy_against_cost
    from seg.visualization.grids import save_png

    networks = classifications()
    log.info("%s\n", encoders_table(networks))
    write_json(run_dir / "describe.json", {"classifiers": [vars(each) for each in networks]})
    save_png(run_dir / "describe.png", accuracy_against_cost(networks))


def _scale(config: DescribeConfig, run_dir: Path) -> None:
    from seg.errors import ConfigError
    from seg.io.atomic import write_json
    from seg.profiling.scaling_plan import plan, read_measured, scale_table

    if config.training is None:
        raise ConfigError(
            "training: missing; give the directory of python -m seg.benchmark training"
        )
    measured = read_measured(config.training, config.data, way=config.variant, case=config.table)
    planned = plan(
        measured,
        samples=config.samples,
        base_lr=config.base_lr,
        base_batch=config.base_batch,
        devices=config.devices,
        efficiency=config.efficiency,
    )
    log.info("%s\n", scale_table(measured, planned))
    write_json(run_dir / "describe.json", {"measured": vars(measured), "plan": vars(planned)})


if __name__ == "__main__":
    main()
