"""Weights that make every part of a CLIP count: nothing is zero, no norm is the identity, attention is neither flat nor a single peak."""

import zlib

import torch


def fill(name, tensor):
    """Random values for the parameter or buffer `name` (OpenAI's names), the same for the same name and shape."""
    if not tensor.is_floating_point():
        return torch.full_like(tensor, 100)
    random = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    normal = torch.randn(tensor.shape, generator=random)
    uniform = torch.rand(tensor.shape, generator=random)
    leaf = name.split(".")[-1]
    if leaf == "logit_scale":
        return torch.tensor(4.3)
    if leaf == "running_mean":
        return 0.1 * normal
    if leaf == "running_var":
        return 0.75 + 0.75 * uniform
    if leaf.endswith("bias"):
        return 0.1 * normal
    if "bn3.weight" in name:  # the end of a residual branch
        return 0.4 + 0.1 * normal
    if leaf == "weight" and tensor.dim() == 1:  # of LayerNorm and BatchNorm
        return 1 + 0.2 * normal
    if "embedding" in name:
        scale = (tensor.shape[-1] ** -0.5 if "attnpool" in name else 0.3) if "positional" in name else 0.6
        return scale * normal
    if tensor.dim() == 4:
        return normal * (2.0 / tensor[0].numel()) ** 0.5
    if leaf in ("proj", "text_projection"):  # [in, out]
        return normal * tensor.shape[0] ** -0.5
    gain = 1.4 if "in_proj" in name else 0.7
    return gain * normal * tensor.shape[-1] ** -0.5


def randomize(model):
    """Fills an open_clip CLIP in place. Its names are OpenAI's; CustomTextCLIP's "text." is left out of account."""
    with torch.no_grad():
        for name, tensor in model.state_dict(keep_vars=True).items():
            tensor.copy_(fill(name.removeprefix("text."), tensor.detach()))
    return model.eval()
