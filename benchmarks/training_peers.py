"""What training_bench compares with: the same CLIP in PyTorch, trained on pixels and tokens that lie in memory."""

import json
import sys
import time

import torch
from torch.nn import functional as F

import clip_in_pytorch

CONTEXT, START, END = 77, 49406, 49407


def say(case, seconds):
    print(json.dumps({"case": case, "seconds": seconds}), flush=True)


def mm():
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    times = []
    for _ in range(12):
        start = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - start)
    say("mm", min(times))


def decays(name, parameter):
    return parameter.ndim >= 2 and not any(part in name for part in ("bn", "ln", "bias", "logit_scale"))


def train(directory, batch, steps, tokens, length):
    image, text = (tower.train() for tower in clip_in_pytorch.load(directory))
    scale = torch.nn.Parameter(torch.tensor(2.6592))
    named = {**dict(image.named_parameters()), **dict(text.named_parameters()), "logit_scale": scale}
    optimizer = torch.optim.AdamW(
        [{"params": [p for n, p in named.items() if decays(n, p)], "weight_decay": 0.2},
         {"params": [p for n, p in named.items() if not decays(n, p)], "weight_decay": 0.0}],
        lr=5e-4, betas=(0.9, 0.98), eps=1e-6)
    side = json.load(open(directory + "/open_clip_config.json"))["model_cfg"]["vision_cfg"]["image_size"]
    pixels = torch.randn(batch, 3, side, side)
    ids = torch.zeros(batch, length, dtype=torch.long)
    ids[:, 0] = START
    ids[:, 1:tokens - 1] = torch.randint(0, START, (batch, tokens - 2))
    ids[:, tokens - 1] = END
    labels = torch.arange(batch)
    times = []
    for _ in range(steps + 2):
        start = time.perf_counter()
        optimizer.zero_grad()
        i, t = F.normalize(image(pixels), dim=-1), F.normalize(text(ids), dim=-1)
        logits = scale.exp() * i @ t.T
        loss = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(named.values()), 1.0)
        optimizer.step()
        with torch.no_grad():
            scale.clamp_(0, 4.6051702)
        times.append(time.perf_counter() - start)
    return sorted(times[2:])[(len(times) - 2) // 2]


def main():
    torch.manual_seed(0)
    if sys.argv[1] == "mm":
        torch.set_num_threads(int(sys.argv[2]))
        return mm()
    directory, threads, batch, steps, tokens = sys.argv[2], *map(int, sys.argv[3:])
    torch.set_num_threads(threads)
    say("padded", train(directory, batch, steps, tokens, CONTEXT))
    say("trimmed", train(directory, batch, steps, tokens, tokens))


main()
