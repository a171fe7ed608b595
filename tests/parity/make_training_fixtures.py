"""Writes tests/encoder/training/fixtures: loss, gradients and one step of AdamW that PyTorch, with open_clip's model and loss, makes of tiny models
whose weights, pixels and tokens follow from a formula (formula_weights.py). tests/encoder/training/gradients_test.cpp holds clipdex to them."""

import argparse
import json
from pathlib import Path

import open_clip
import torch
from open_clip.loss import ClipLoss

from formula_weights import fill, numbers

FIXTURES = Path(__file__).parent.parent / "encoder/training/fixtures"
PAIRS, SIDE, LENGTH, VOCABULARY = 6, 32, 12, 600
TEXT = {"context_length": LENGTH, "vocab_size": VOCABULARY, "width": 32, "heads": 2, "layers": 2}
CASES = {
    "training_vit": {"embed_dim": 16, "quick_gelu": True, "text_cfg": TEXT,
                     "vision_cfg": {"image_size": SIDE, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}},
    "training_vit_gelu": {"embed_dim": 16, "quick_gelu": False, "text_cfg": TEXT,
                          "vision_cfg": {"image_size": SIDE, "layers": 3, "width": 32, "head_width": 16, "patch_size": 16}},
    "training_resnet": {"embed_dim": 16, "quick_gelu": True, "text_cfg": TEXT,
                        "vision_cfg": {"image_size": SIDE, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None}},
}
ADAMW = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.98, "eps": 1e-6, "weight_decay": 0.2}
SAMPLES = 8  # values of each tensor that are kept


def tokens():
    """Start, 3 to 10 words, end; then zeros."""
    rows = torch.zeros(PAIRS, LENGTH, dtype=torch.long)
    for i in range(PAIRS):
        words = 3 + i % 6
        rows[i, 0] = VOCABULARY - 2
        rows[i, 1:1 + words] = torch.tensor([(37 * i + 11 * j * j + 5) % (VOCABULARY - 2) for j in range(words)])
        rows[i, 1 + words] = VOCABULARY - 1
    return rows


def decays(name, parameter):
    return parameter.ndim >= 2 and not any(part in name for part in ("bn", "ln", "bias", "logit_scale"))


def samples(tensor):
    flat = tensor.detach().double().flatten()
    at = [int(i * (len(flat) - 1) / max(1, SAMPLES - 1)) for i in range(SAMPLES)]
    return {"norm": float(flat.norm()), "values": [float(flat[i]) for i in at]}


def make(cfg):
    model = open_clip.CLIP(**cfg).double()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(fill(name, tensor.shape))
    model.train()
    pixels = torch.from_numpy(2 * numbers("pixels", PAIRS * 3 * SIDE * SIDE)).reshape(PAIRS, 3, SIDE, SIDE).double()
    named = dict(model.named_parameters())
    optimizer = torch.optim.AdamW(
        [{"params": [p for n, p in named.items() if decays(n, p)], "weight_decay": ADAMW["weight_decay"]},
         {"params": [p for n, p in named.items() if not decays(n, p)], "weight_decay": 0.0}],
        lr=ADAMW["lr"], betas=(ADAMW["beta1"], ADAMW["beta2"]), eps=ADAMW["eps"])
    loss = ClipLoss()(model.encode_image(pixels, normalize=True), model.encode_text(tokens(), normalize=True), model.logit_scale.exp())
    loss.backward()
    gradients = {name: samples(parameter.grad) for name, parameter in named.items()}
    optimizer.step()
    return {
        "made_by": {"torch": torch.__version__, "open_clip": open_clip.__version__}, "model_cfg": cfg, "adamw": ADAMW,
        "pairs": PAIRS, "tokens": tokens().tolist(), "loss": float(loss), "gradients": gradients,
        "after_step": {name: samples(parameter) for name, parameter in named.items()},
        "buffers": {name: samples(b) for name, b in model.named_buffers() if b.is_floating_point() and "running" in name},
    }


def main():
    parser = argparse.ArgumentParser(prog="./run parity training-fixtures", description=__doc__)
    parser.add_argument("--program", help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.parse_args()
    torch.set_num_threads(1)
    for name, cfg in CASES.items():
        text = json.dumps(make(cfg), separators=(",", ":"))
        (FIXTURES / f"{name}.json").write_text(text.replace('},"', '},\n"') + "\n")
        print(name)


main()
