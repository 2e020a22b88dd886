"""Batch normalisation where there is nothing to normalise over."""

from contextlib import contextmanager

from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def single_values_normalised(network):
    """Within this context batch normalisation also takes a single value per channel.

    Such a value has no spread. It is normalised by the running statistics, as in
    prediction; torch would raise an error.

    Parameters
    ----------
    network : torch.nn.Module
        In training mode.
    """
    switched = set()

    def before(layer, inputs):
        able = layer.training and layer.track_running_stats and len(inputs) == 1
        if able and inputs[0].numel() == inputs[0].shape[1]:
            layer.training = False
            switched.add(layer)

    def after(layer, inputs, output):
        if layer in switched:
            layer.training = True
            switched.remove(layer)

    hooks = []
    for layer in network.modules():
        if isinstance(layer, _BatchNorm):
            hooks += [
                layer.register_forward_pre_hook(before),
                layer.register_forward_hook(after),
            ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
