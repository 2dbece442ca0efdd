"""Command `python -m seg.serve checkpoint=...`: a page and an API for the images of others."""

from pathlib import Path

from seg.interruption import exiting_when_interrupted

with exiting_when_interrupted():
    from seg.app import app
    from seg.config.serve import ServeConfig


@app("serve", ServeConfig, has_run_dir=False)
def main(config: ServeConfig, _: Path) -> None:
    """Load the network, warm it up, and answer requests until SIGTERM or Ctrl-C."""
    from seg.models.checkpoint_file import require_checkpoint

    require_checkpoint(config.checkpoint)
    if config.compare is not None:
        require_checkpoint(config.compare, key="compare")
    from seg.build.instantiate import check_sections
    from seg.serving.server import serve

    check_sections(config, "inference")
    serve(config)


if __name__ == "__main__":
    main()
