"""Command `python -m seg.weights list|inspect|convert|verify`: weights and their worth."""

from collections.abc import Callable
from pathlib import Path

from seg.interruption import exiting_when_interrupted

with exiting_when_interrupted():
    from seg.app import app
    from seg.config.commands import WeightsConfig
    from seg.errors import ConfigError, DataError
    from seg.io.terminal import say


@app("weights", WeightsConfig, has_run_dir=False, positional="task")
def main(config: WeightsConfig, run_dir: Path) -> None:
    """Answer on the terminal; only `convert` writes, to `output`."""
    actions: dict[str, Callable[[WeightsConfig], None]] = {
        "list": _list,
        "inspect": _inspect,
        "convert": _convert,
        "verify": _verify,
    }
    actions[config.task](config)


def _list(config: WeightsConfig) -> None:
    from seg.models.weights.model_zoo import PUBLISHED

    for each in PUBLISHED:
        if config.encoder_name in (None, each.encoder):
            if each.top1_percent is not None:
                number = f"ImageNet top-1 {each.top1_percent:.2f}"
            elif each.miou_percent is not None:
                number = f"mIoU {each.miou_percent:.2f}"
            else:
                number = "accuracy not published"
            note = f" ({each.note})" if each.note else ""
            _say("%-20s %-42s %s, %s%s", each.encoder, each.name, each.holds, number, note)
            _say("%21s%s%s", "", "by hand: " if each.by_hand else "", each.source)


def _inspect(config: WeightsConfig) -> None:
    from seg.models.weights.load_report import shortened
    from seg.weight_tools.inspect import inspect_weights

    result = inspect_weights(_source(config), config.encoder_name)
    content, covered = result.content, result.coverage
    for name, array in content.arrays.items():
        _say("  %-64s %s", name, " x ".join(map(str, array.shape)))
    _say("origin        %s", result.located.origin)
    _say("format        %s, %s", result.format, covered.key_map)
    _say("encoder       %s: %s", result.encoder, covered)
    for title, names in (
        ("missing", covered.missing),
        ("unexpected", covered.unexpected),
        ("left out", covered.ignored),
    ):
        if names:
            _say("%-13s %s", title, shortened(names))
    _say(
        "normalization %s",
        "not said" if result.normalization is None else result.normalization.to_dict(),
    )
    if content.caution and not result.located.verified:
        _say("caution       %s", content.caution)
    if content.classes:
        _say("classes       %d: %s", len(content.classes), ", ".join(content.classes))


def _convert(config: WeightsConfig) -> None:
    if config.output is None:
        raise ConfigError("output: missing; give output=FILE.safetensors, or a directory for smp")
    if config.output.suffix:
        from seg.weight_tools.convert import convert

        card = convert(_source(config), config.output, config.encoder_name)
        _say("%s: %s, %d tensors", config.output, card["encoder"], card["tensors"])
    else:
        from seg.weight_tools.export_smp import write_smp_directory

        write_smp_directory(Path(_source(config)), config.output)
        _say("%s: smp.from_pretrained(%r)", config.output, str(config.output))


def _verify(config: WeightsConfig) -> None:
    from seg.weight_tools.verify import TOLERANCE, verify

    result = verify(_source(config), config.encoder_name)
    summary = (
        f"{result.encoder} against {result.origin}: relative error {result.relative_error:.2g}"
    )
    if not result.equal:
        raise DataError(
            f"{summary}, above {TOLERANCE:g}: these weights do not give the same numbers"
        )
    _say("%s, equal", summary)


def _say(line: str, *values: object) -> None:
    say(line % values)


def _source(config: WeightsConfig) -> str:
    if config.source is None:
        raise ConfigError("source: missing; give source=...")
    return config.source


if __name__ == "__main__":
    main()
