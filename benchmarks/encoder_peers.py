"""What encoder_bench compares with, on the same weights: torch.mm, PyTorch eager, ONNX Runtime.

Usage: encoder_peers.py (mm | torch DIRECTORY | export DIRECTORY | onnx DIRECTORY) THREADS [image:BATCH | text:BATCH:TOKENS]...
Prints a JSON line a measurement: {"case", "seconds"}. DIRECTORY is an open_clip directory as write_random_checkpoint() makes it; export writes
the ONNX files into it that onnx measures, in a process of its own, because Debian's PyTorch and ONNX Runtime do not share one.
"""

import json
import os
import sys
import time

import numpy as np

SECONDS_ENOUGH, RUNS_MAX = 4.0, 15


def best_of(run):
    """The shortest of the runs that fit into some seconds, after one to warm up."""
    started = time.perf_counter()
    run()
    times = [time.perf_counter() - started] if time.perf_counter() - started > SECONDS_ENOUGH else []
    while not times or (len(times) < RUNS_MAX and time.perf_counter() - started < SECONDS_ENOUGH):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times)


def inputs_of(case, cfg):
    """float32 [batch, 3, side, side] or int64 [batch, tokens]."""
    kind, batch, *tokens = case.split(":")
    random = np.random.default_rng(1)
    if kind == "image":
        side = cfg["vision_cfg"]["image_size"]
        return kind, random.standard_normal((int(batch), 3, side, side), dtype=np.float32)
    vocabulary = cfg["text_cfg"]["vocab_size"]
    ids = random.integers(1, vocabulary - 2, (int(batch), int(tokens[0])))
    ids[:, 0], ids[:, -1] = vocabulary - 2, vocabulary - 1
    return kind, ids


def config(directory):
    with open(os.path.join(directory, "open_clip_config.json")) as file:
        return json.load(file)["model_cfg"]


def report(case, seconds):
    print(json.dumps({"case": case, "seconds": seconds}), flush=True)


def multiply(threads):
    import torch

    torch.set_num_threads(threads)
    a, b = torch.rand(2048, 2048), torch.rand(2048, 2048)
    report("mm", best_of(lambda: torch.mm(a, b)))


def run_torch(directory, threads, cases):
    import torch
    from clip_in_pytorch import load

    torch.set_num_threads(threads)
    models = dict(zip(("image", "text"), load(directory)))
    with torch.inference_mode():
        for case in cases:
            kind, values = inputs_of(case, config(directory))
            tensor = torch.from_numpy(values)
            report(case, best_of(lambda: models[kind](tensor)))


def export(directory):
    import torch
    from clip_in_pytorch import load

    for kind, model, case in zip(("image", "text"), load(directory), ("image:2", "text:2:9")):
        axes = {"input": {0: "batch"} if kind == "image" else {0: "batch", 1: "tokens"}, "output": {0: "batch"}}
        values = torch.from_numpy(inputs_of(case, config(directory))[1])
        with torch.no_grad():
            torch.onnx.export(model, values, os.path.join(directory, kind + ".onnx"), input_names=["input"], output_names=["output"],
                              dynamic_axes=axes, opset_version=17, dynamo=False)


def run_onnx(directory, threads, cases):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    sessions = {}
    for case in cases:
        kind, values = inputs_of(case, config(directory))
        if kind not in sessions:
            file = os.path.join(directory, kind + ".onnx")
            sessions[kind] = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        report(case, best_of(lambda: sessions[kind].run(None, {"input": values})))


def main():
    what, *rest = sys.argv[1:]
    if what == "mm":
        multiply(int(rest[0]))
    elif what == "torch":
        run_torch(rest[0], int(rest[1]), rest[2:])
    elif what == "export":
        export(rest[0])
    else:
        run_onnx(rest[0], int(rest[1]), rest[2:])


main()
