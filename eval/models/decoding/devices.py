"""Compute devices of a model's parts, which differ from their weights' devices after offloading by a device map."""

from __future__ import annotations

import torch
from torch import nn


def device_of(module: nn.Module) -> torch.device:
    """Return the device on which a module computes.

    accelerate leaves offloaded weights on `meta`, and its hook moves them to this device for the duration of a call.
    """
    hooks = getattr(module, "_hf_hook", None)
    for hook in getattr(hooks, "hooks", (hooks,)):
        device = getattr(hook, "execution_device", None)
        if device is not None:
            return torch.device(device)
    return next(module.parameters()).device


def devices_of(model: nn.Module) -> list[torch.device]:
    """Return all devices on which a model computes, in order of their names."""
    # Parts without their own weights have no device.
    leaves = [module for module in model.modules() if next(module.parameters(recurse=False), None) is not None]
    return sorted({device_of(module) for module in leaves}, key=str)
