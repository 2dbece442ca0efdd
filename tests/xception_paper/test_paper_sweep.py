"""The file of the Xception paper's sweep: it composes, and its forms answer every claim."""

from dataclasses import replace

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import instantiate
from omegaconf import OmegaConf

from seg.build.instantiate import check_targets
from seg.config.conf_dir import conf_dir
from seg.config.schema import PretrainConfig, TrainConfig, foreign_sections, validate
from seg.xception_paper.paper import CLAIMS, PAPER
from seg.xception_paper.variants import variant_of


def composed(command, *overrides):
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        line = ["sweep=xception_paper", *overrides]
        config = compose(command, line, return_hydra_config=True)
    params = OmegaConf.to_container(config.hydra.sweeper.params)
    assert str(config.hydra.mode) == "RunMode.MULTIRUN"
    del config._content["hydra"]
    return OmegaConf.to_container(config, resolve=True), params


@pytest.mark.parametrize(
    ("command", "schema"), [("train", TrainConfig), ("pretrain", PretrainConfig)]
)
def test_the_sweep_composes(command, schema):
    plain, params = composed(command)
    known = {k: v for k, v in plain.items() if k not in foreign_sections(schema)}
    config = validate(schema, known)
    check_targets(config)
    assert config.encoder.node()["name"] == "aligned_xception_micro"
    assert list(params) == ["seed", "encoder.variant"]


def test_the_papers_own_recipe_and_network_go_with_it():
    plain, _ = composed("pretrain", "pretraining=imagenet_xception_paper", "encoder=xception")
    assert plain["encoder"]["name"] == "xception"
    assert plain["optimizer"]["_target_"] == "torch.optim.SGD"
    assert plain["trainer"]["devices"] == 8


def test_every_form_of_the_sweep_is_in_a_claim_and_runs():
    plain, params = composed("pretrain")
    override = OverridesParser.create().parse_override(f"x={params['encoder.variant']}")
    forms = [variant_of(text) for text in override.sweep_string_iterator()]
    needed = {
        claim.key: [
            {replace(PAPER, **each.favored), replace(PAPER, **each.other)} <= set(forms)
            for each in claim.comparisons
        ]
        for claim in CLAIMS
    }
    for claim in CLAIMS:
        assert (any if claim.any_of else all)(needed[claim.key]), claim.key
    image = torch.zeros(2, 3, 64, 64)
    for variant in forms:
        node = {**plain["encoder"], "variant": dict(vars(variant))}
        encoder = instantiate(node, in_channels=3, _convert_="all")
        maps = encoder(image)
        assert [each.shape[1] for each in maps] == list(encoder.channels)
        assert all(torch.isfinite(each).all() for each in maps)
    assert len(set(forms)) == len(forms) == 9
