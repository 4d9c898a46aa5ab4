"""The limit of a network: the time of its convolutions alone, each timed by itself on operands like its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchbench.forensics import ConstrainedConv

from .clock import fastest_seconds


@dataclass(frozen=True)
class Layer:
    """A convolution as it runs: all that its time depends on."""

    inputs: tuple[int, ...]
    """(N, C, H, W)."""
    weights: tuple[int, ...]
    """(out, C / groups, kernel, kernel)."""
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    groups: int
    bias: bool
    dtype: torch.dtype
    channels_last: bool
    backward: bool
    """Its weights have a gradient."""
    input_gradient: bool

    @property
    def operations(self) -> float:
        """Floating-point operations, a multiplication and an addition each counted as one."""
        height, width = (
            (self.inputs[2 + i] + 2 * self.padding[i] - self.weights[2 + i]) // self.stride[i] + 1 for i in range(2)
        )
        taps = self.weights[1] * self.weights[2] * self.weights[3]
        once = 2.0 * self.inputs[0] * self.weights[0] * height * width * taps
        return once * (1 + self.backward + self.input_gradient)


@dataclass(frozen=True)
class Cost:
    """What the convolutions of some work add up to."""

    seconds: float
    operations: float

    @property
    def rate(self) -> float:
        """GFLOP/s that the convolutions reach by themselves."""
        return self.operations / self.seconds / 1e9 if self.seconds else 0.0


def layers_of(network: nn.Module, work: Callable[[], object]) -> Counter[Layer]:
    """Return the convolutions that `work` runs in `network`, and how often."""
    found: Counter[Layer] = Counter()

    def note(module: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
        x, weight = arguments[0], module.weight
        assert isinstance(weight, Tensor)
        if isinstance(module, nn.Conv2d):
            assert isinstance(module.padding, tuple)
            # Reflection is a copy of its own before a convolution without padding.
            zeros = module.padding_mode == "zeros"
            stride, groups, bias = module.stride, module.groups, module.bias is not None
            padding, before = (module.padding, (0, 0)) if zeros else ((0, 0), module.padding)
        else:  # a constrained convolution
            stride, groups, bias = (1, 1), 1, False
            padding, before = (weight.shape[-2] // 2, weight.shape[-1] // 2), (0, 0)
        n, c, h, w = x.shape
        layer = Layer(
            inputs=(n, c, h + 2 * before[0], w + 2 * before[1]),
            weights=tuple(weight.shape),
            stride=tuple(stride),
            padding=tuple(padding),
            groups=groups,
            bias=bias,
            dtype=output.dtype,  # under autocast the operands have another type than module and input
            channels_last=output.is_contiguous(memory_format=torch.channels_last),
            backward=torch.is_grad_enabled() and weight.requires_grad,
            input_gradient=torch.is_grad_enabled() and x.requires_grad,
        )
        found[layer] += 1

    kinds = (nn.Conv2d, ConstrainedConv)
    handles = [m.register_forward_hook(note) for m in network.modules() if isinstance(m, kinds)]
    try:
        work()
    finally:
        for handle in handles:
            handle.remove()
    return found


class Stopwatch:
    """Times each distinct layer once in a process."""

    def __init__(self, device: torch.device, repeats: int = 5) -> None:
        self.device, self.repeats = device, repeats
        self._seconds: dict[Layer, float] = {}

    def cost(self, layers: Counter[Layer]) -> Cost:
        """Return the time and work of all `layers`."""
        for layer in layers:
            if layer not in self._seconds:
                self._seconds[layer] = self._time(layer)
        return Cost(
            sum(count * self._seconds[layer] for layer, count in layers.items()),
            sum(count * layer.operations for layer, count in layers.items()),
        )

    def _time(self, layer: Layer) -> float:
        form = torch.channels_last if layer.channels_last else torch.contiguous_format

        def operand(shape: tuple[int, ...]) -> Tensor:
            return torch.randn(shape, device=self.device).to(layer.dtype).contiguous(memory_format=form)

        x = operand(layer.inputs).requires_grad_(layer.input_gradient)
        weight = operand(layer.weights).requires_grad_(layer.backward)
        bias = torch.zeros(layer.weights[0], device=self.device, dtype=layer.dtype) if layer.bias else None

        def forward() -> Tensor:
            return torch.conv2d(x, weight, bias, layer.stride, layer.padding, groups=layer.groups)

        wanted = [t for t in (x, weight) if t.requires_grad]
        if not wanted:
            with torch.inference_mode():
                return fastest_seconds(forward, self.repeats, self.device)
        slope = torch.randn_like(forward())
        return fastest_seconds(lambda: torch.autograd.grad(forward(), wanted, slope), self.repeats, self.device)
