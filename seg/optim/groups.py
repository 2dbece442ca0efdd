"""Parameter groups: which parameters train, which decay, and how fast each moves."""

import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from seg.errors import ConfigError
from seg.models.classifier import Classifier
from seg.models.layer_groups import encoder_layer_groups
from seg.models.segmenter import Segmenter

_WHOLE_ENCODER = "encoder"
Trainable = Segmenter | Classifier
"""Networks of an encoder and what follows it."""


class ParameterGroups:
    """Disjoint, complete groups of a network's trainable parameters.

    Full and pointwise convolutions and linear layers decay. Norms, biases and depthwise kernels do
    not (DeepLab, `core/xception.py`: no regularisation on depthwise weights).

    A parameter's learning rate is the optimizer's, times every factor that concerns it. DeepLab
    multiplies gradients instead (`last_layer_gradient_multiplier`), which under SGD is the same;
    optimizers that normalize gradients, such as AdamW, would not feel that.

    Args:
        last_layer_multiplier: for the layer that gives the logits. DeepLab took 10 (Chen et
            al., PAMI 2018, section 4.1), DeepLabV3+ 1 (its release's default).
        bias_multiplier: for biases of convolutions and linear layers, those of the last layer
            included; DeepLab's 2 makes these 20 where the last layer has 10.
        encoder_multiplier: for the encoder.
        layer_decay: factor from one part of the encoder to the part before it, 1 for none; the last
            part has it once (Clark et al., "ELECTRA", 2020; Bao et al., "BEiT", 2022).
        frozen_parts: how many parts of the encoder, from the image on, keep their weights and stay
            in evaluation mode; `encoder` for all. Ours count the stem as one part and each block as
            one; `seg.models.layer_groups` says what a part of another library's network is.

    Raises:
        ConfigError: a factor that is not positive, or a layer decay above 1.
    """

    def __init__(
        self,
        *,
        last_layer_multiplier: float = 1.0,
        bias_multiplier: float = 1.0,
        encoder_multiplier: float = 1.0,
        layer_decay: float = 1.0,
        frozen_parts: int | str = 0,
    ) -> None:
        factors = {
            "last_layer_multiplier": last_layer_multiplier,
            "bias_multiplier": bias_multiplier,
            "encoder_multiplier": encoder_multiplier,
            "layer_decay": layer_decay,
        }
        for name, factor in factors.items():
            if factor <= 0:
                raise ConfigError(
                    f"param_groups.{name}={factor}; allowed: above 0 "
                    "(param_groups.frozen_parts keeps weights as they are)"
                )
        if layer_decay > 1:
            raise ConfigError(f"param_groups.layer_decay={layer_decay}; allowed: above 0 up to 1")
        self.last_layer_multiplier = last_layer_multiplier
        self.bias_multiplier = bias_multiplier
        self.encoder_multiplier = encoder_multiplier
        self.layer_decay = layer_decay
        self.frozen_parts = frozen_parts

    def freeze(self, model: Trainable) -> list[nn.Module]:
        """Stop the gradients of the frozen parts and return their modules.

        Raises:
            ConfigError: more parts than the encoder has.
        """
        parts = encoder_layer_groups(model.encoder)
        count = self.frozen_parts
        if count == _WHOLE_ENCODER:
            count = len(parts)
        if not isinstance(count, int) or not 0 <= count <= len(parts):
            raise ConfigError(
                f"param_groups.frozen_parts={count}; allowed: 0 to {len(parts)} for this encoder, "
                f"or {_WHOLE_ENCODER}"
            )
        for parameters in _parameters(model.encoder, parts)[:count]:
            for parameter in parameters:
                parameter.requires_grad_(False)
        return [module for part in parts[:count] for module in part]

    def __call__(self, model: Trainable, *further: nn.Module) -> list[dict[str, Any]]:
        """Return the groups for an optimizer's constructor; `create_optimizer` scales the rates.

        Each group has `lr_multiplier`; those that do not decay have `weight_decay` 0, the others
        take the optimizer's own.

        Args:
            model: the network.
            *further: modules that train beside the network, at the plain rate.

        Raises:
            RuntimeError: a trainable parameter would be lost or doubled, with its name.
        """
        multipliers = self._multipliers(model)
        groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
        trained = nn.ModuleList([model, *further])
        for path, parameter in trained.named_parameters():
            if parameter.requires_grad:
                owner, _, name = path.rpartition(".")
                module = trained.get_submodule(owner)
                factor = multipliers.get(id(parameter), 1.0)
                if name == "bias" and _has_kernel(module):
                    factor *= self.bias_multiplier
                groups.setdefault((factor, _decays(module, name)), []).append(parameter)
        _require_complete(trained, groups.values())
        return [
            {"params": parameters, "lr_multiplier": factor}
            | ({} if decays else {"weight_decay": 0.0})
            for (factor, decays), parameters in groups.items()
        ]

    def _multipliers(self, model: Trainable) -> dict[int, float]:
        """Map the id of each parameter of the encoder and of the last layer to its factor."""
        parts = _parameters(model.encoder, encoder_layer_groups(model.encoder))
        encoder = {
            id(parameter): self.encoder_multiplier * self.layer_decay ** (len(parts) - index)
            for index, part in enumerate(parts)
            for parameter in part
        }
        last = model.last_layer.parameters()
        return encoder | {id(parameter): self.last_layer_multiplier for parameter in last}


def create_optimizer(
    create: Callable[..., Optimizer], groups: Sequence[dict[str, Any]]
) -> Optimizer:
    """Create the optimizer over some groups, with their rates multiplied.

    On a CPU it takes all tensors in one kernel where PyTorch has one for it, unless `create` sets
    `fused` or `foreach`: a step over 146 small tensors took 2 ms instead of 15.

    Args:
        create: takes the groups, and what else its constructor takes by name.
        groups: of `ParameterGroups`.
    """
    on_cpu = all(
        parameter.device.type == "cpu" for group in groups for parameter in group["params"]
    )
    has_fused = "fused" in inspect.signature(create).parameters
    is_chosen = {"fused", "foreach"} & set(getattr(create, "keywords", {}))
    use_fused = on_cpu and has_fused and not is_chosen
    optimizer = create(groups, fused=True) if use_fused else create(groups)
    scale_rates(optimizer)
    return optimizer


def scale_rates(optimizer: Optimizer) -> None:
    """Multiply each group's learning rate by its `lr_multiplier`; once, before any schedule."""
    for group in optimizer.param_groups:
        group["lr"] *= group["lr_multiplier"]


def _parameters(encoder: nn.Module, parts: list[list[nn.Module]]) -> list[list[nn.Parameter]]:
    """Return the parameters of each part; those in none (position embeddings) join the first."""
    by_part = [
        [parameter for module in part for parameter in module.parameters()] for part in parts
    ]
    inside = {id(parameter) for part in by_part for parameter in part}
    by_part[0] += [parameter for parameter in encoder.parameters() if id(parameter) not in inside]
    return by_part


def _has_kernel(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.conv._ConvNd | nn.Linear)


def _decays(module: nn.Module, name: str) -> bool:
    if name != "weight" or not _has_kernel(module):
        return False
    depthwise = isinstance(module, nn.modules.conv._ConvNd) and (
        module.groups > 1 and module.groups == module.in_channels
    )
    return not depthwise


def _require_complete(model: nn.Module, groups: Iterable[list[nn.Parameter]]) -> None:
    grouped = Counter(id(parameter) for group in groups for parameter in group)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and grouped[id(parameter)] != 1:
            raise RuntimeError(f"parameter {name} lies in {grouped[id(parameter)]} groups")
