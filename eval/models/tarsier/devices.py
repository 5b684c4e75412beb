"""Where the parts of a model compute, which is not where their weights are when a device map has offloaded them."""

from __future__ import annotations

import torch
from torch import nn


def device_of(module: nn.Module) -> torch.device:
    """Return the device on which a module computes.

    accelerate leaves offloaded weights on `meta`, and its hook brings them to this device for the length of a call.
    """
    hooks = getattr(module, "_hf_hook", None)
    for hook in getattr(hooks, "hooks", (hooks,)):
        device = getattr(hook, "execution_device", None)
        if device is not None:
            return torch.device(device)
    return next(module.parameters()).device


def devices_of(model: nn.Module) -> list[torch.device]:
    """Return all devices on which a model computes, in order of their names."""
    # Parts without weights of their own have nothing to say.
    leaves = [module for module in model.modules() if next(module.parameters(recurse=False), None) is not None]
    return sorted({device_of(module) for module in leaves}, key=str)
