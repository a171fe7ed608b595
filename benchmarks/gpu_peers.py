"""What gpu_bench compares the encoder with: the same shapes in PyTorch eager on a GPU, all of it in half precision, with random weights.

Usage: gpu_peers.py DIRECTORY DEVICE (fp16 | bf16) [image:BATCH | text:BATCH:TOKENS]...
Prints a JSON line a measurement: {"case", "seconds"}, the median; or {"skipped": why}. Of DIRECTORY only open_clip_config.json is read.
Pixels and tokens are on the GPU before; embeddings come back.
"""

import json
import os
import statistics
import sys
import time

SECONDS_ENOUGH, RUNS_MIN, RUNS_MAX = 3.0, 20, 10_000


def median_of(run):
    """As time_runs() of repeated_runs.h measures."""
    run()
    run()
    times = []
    started = time.perf_counter()
    while len(times) < RUNS_MIN or (time.perf_counter() - started < SECONDS_ENOUGH and len(times) < RUNS_MAX):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def report(**line):
    print(json.dumps(line), flush=True)


def models(torch, cfg, device, number):
    from clip_in_pytorch import build

    built = {}
    for kind, model in zip(("image", "text"), build(cfg)):
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.02)
        built[kind] = model.eval().to(device=device, dtype=number)
    return built


def inputs_of(torch, case, cfg, device, number):
    kind, batch, *tokens = case.split(":")
    if kind == "image":
        side = cfg["vision_cfg"]["image_size"]
        return kind, torch.randn(int(batch), 3, side, side, device=device, dtype=number)
    vocabulary = cfg["text_cfg"]["vocab_size"]
    ids = torch.randint(1, vocabulary - 2, (int(batch), int(tokens[0])), device=device)
    ids[:, 0], ids[:, -1] = vocabulary - 2, vocabulary - 1
    return kind, ids


def measure(torch, directory, device, number, cases):
    with open(os.path.join(directory, "open_clip_config.json")) as file:
        cfg = json.load(file)["model_cfg"]
    built = models(torch, cfg, device, number)
    with torch.inference_mode():
        for case in cases:
            try:
                kind, values = inputs_of(torch, case, cfg, device, number)
                # To the CPU: that waits for the GPU, and ours come back, too.
                report(case=case, seconds=median_of(lambda: built[kind](values).float().cpu()))
            except torch.cuda.OutOfMemoryError:
                report(skipped=f"{case} takes more memory than the GPU has")


def main():
    directory, device, precision, *cases = sys.argv[1:]
    try:
        import torch
    except ImportError as error:
        return report(skipped=f"python3 has no torch: {error}")
    if device.startswith("cuda") and not torch.cuda.is_available():
        return report(skipped="python3's torch has no CUDA, or finds no GPU")
    measure(torch, directory, device, {"fp16": torch.float16, "bf16": torch.bfloat16}[precision], cases)


main()
