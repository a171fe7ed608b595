"""What encoder_bench compares with, on the same weights: torch.mm, PyTorch eager, ONNX Runtime.

Usage: encoder_peers.py (mm | torch DIRECTORY | onnx DIRECTORY) THREADS [image:BATCH | text:BATCH:TOKENS]...
Prints a JSON line a measurement: {"case", "seconds"}. DIRECTORY is an open_clip directory as write_random_checkpoint() makes it.
"""

import json
import os
import sys
import tempfile
import time

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

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


class Block(nn.Module):
    def __init__(self, width, heads, causal):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.Module()
        self.attn.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.attn.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.attn.out_proj = nn.Linear(width, width)
        self.mlp = nn.Module()
        self.mlp.c_fc, self.mlp.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        n, tokens, width = x.shape
        qkv = F.linear(self.ln_1(x), self.attn.in_proj_weight, self.attn.in_proj_bias)
        q, k, v = (part.reshape(n, tokens, self.heads, -1).transpose(1, 2) for part in qkv.chunk(3, dim=-1))
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        x = x + self.attn.out_proj(attended.transpose(1, 2).reshape(n, tokens, width))
        hidden = self.mlp.c_fc(self.ln_2(x))
        return x + self.mlp.c_proj(hidden * torch.sigmoid(1.702 * hidden))


class Blocks(nn.Module):
    def __init__(self, width, layers, causal):
        super().__init__()
        self.resblocks = nn.Sequential(*(Block(width, width // 64, causal) for _ in range(layers)))

    def forward(self, x):
        return self.resblocks(x)


class VisionTransformer(nn.Module):
    def __init__(self, cfg, embed):
        super().__init__()
        width, patch = cfg["width"], cfg["patch_size"]
        self.conv1 = nn.Conv2d(3, width, patch, stride=patch, bias=False)
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty((cfg["image_size"] // patch) ** 2 + 1, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Blocks(width, cfg["layers"], causal=False)
        self.proj = nn.Parameter(torch.empty(width, embed))

    def forward(self, pixels):
        x = self.conv1(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(x.shape[0], 1, -1), x], dim=1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))[:, 0]) @ self.proj


class Bottleneck(nn.Module):
    def __init__(self, inputs, planes, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, 4 * planes, 1, bias=False), nn.BatchNorm2d(4 * planes)
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.downsample = None
        if stride > 1 or inputs != 4 * planes:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, 4 * planes, 1, bias=False), nn.BatchNorm2d(4 * planes))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn3(self.conv3(self.pool(F.relu(self.bn2(self.conv2(out))))))
        return F.relu(out + (self.downsample(self.pool(x)) if self.downsample else x))


class AttentionPool(nn.Module):
    def __init__(self, positions, width, embed):
        super().__init__()
        self.heads = width // 64
        self.positional_embedding = nn.Parameter(torch.empty(positions, width))
        self.q_proj, self.k_proj, self.v_proj = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)
        self.c_proj = nn.Linear(width, embed)

    def forward(self, x):
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(dim=1, keepdim=True), x], dim=1) + self.positional_embedding
        n, tokens, width = x.shape
        q = self.q_proj(x[:, :1]).reshape(n, 1, self.heads, 64).transpose(1, 2)
        k = self.k_proj(x).reshape(n, tokens, self.heads, 64).transpose(1, 2)
        v = self.v_proj(x).reshape(n, tokens, self.heads, 64).transpose(1, 2)
        return self.c_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, width))


class ModifiedResNet(nn.Module):
    def __init__(self, cfg, embed):
        super().__init__()
        width = cfg["width"]
        self.conv1, self.bn1 = nn.Conv2d(3, width // 2, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width // 2)
        self.conv2, self.bn2 = nn.Conv2d(width // 2, width // 2, 3, padding=1, bias=False), nn.BatchNorm2d(width // 2)
        self.conv3, self.bn3 = nn.Conv2d(width // 2, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        inputs = width
        for stage, blocks in enumerate(cfg["layers"]):
            layer = []
            for i in range(blocks):
                layer.append(Bottleneck(inputs, width << stage, 2 if stage and i == 0 else 1))
                inputs = 4 * (width << stage)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layer))
        self.attnpool = AttentionPool((cfg["image_size"] // 32) ** 2 + 1, inputs, embed)

    def forward(self, x):
        for conv, norm in ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)):
            x = F.relu(norm(conv(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(F.avg_pool2d(x, 2)))))
        return self.attnpool(x)


class Text(nn.Module):
    def __init__(self, cfg, embed):
        super().__init__()
        width = cfg["width"]
        self.token_embedding = nn.Embedding(cfg["vocab_size"], width)
        self.positional_embedding = nn.Parameter(torch.empty(cfg["context_length"], width))
        self.transformer = Blocks(width, cfg["layers"], causal=True)
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.empty(width, embed))

    def forward(self, ids):
        x = self.transformer(self.token_embedding(ids) + self.positional_embedding[: ids.shape[1]])
        return self.ln_final(x)[torch.arange(x.shape[0]), ids.argmax(dim=-1)] @ self.text_projection


def load(directory):
    with open(os.path.join(directory, "open_clip_config.json")) as file:
        cfg = json.load(file)["model_cfg"]
    vision, embed = cfg["vision_cfg"], cfg["embed_dim"]
    image = (ModifiedResNet if isinstance(vision["layers"], list) else VisionTransformer)(vision, embed)
    text = Text(cfg["text_cfg"], embed)
    weights = load_file(os.path.join(directory, "open_clip_model.safetensors"))
    image.load_state_dict({k[7:]: v for k, v in weights.items() if k.startswith("visual.")}, strict=False)
    missing = set(k for k, _ in text.named_parameters()) - set(weights)
    assert not missing, missing
    text.load_state_dict({k: v for k, v in weights.items() if not k.startswith("visual.") and k != "logit_scale"})
    return image.eval(), text.eval(), vision["image_size"], cfg["text_cfg"]["vocab_size"]


def inputs_of(case, size, vocabulary):
    kind, batch, *rest = case.split(":")
    generator = torch.Generator().manual_seed(1)
    if kind == "image":
        return kind, torch.randn(int(batch), 3, size, size, generator=generator)
    ids = torch.randint(1, vocabulary - 2, (int(batch), int(rest[0])), generator=generator)
    ids[:, 0], ids[:, -1] = vocabulary - 2, vocabulary - 1
    return kind, ids


def onnx_sessions(image, text, size, vocabulary, threads, directory):
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    sessions = {}
    for kind, model, case in (("image", image, "image:2"), ("text", text, "text:2:9")):
        file = os.path.join(directory, kind + ".onnx")
        axes = {"input": {0: "batch"} if kind == "image" else {0: "batch", 1: "tokens"}, "output": {0: "batch"}}
        torch.onnx.export(model, inputs_of(case, size, vocabulary)[1], file, input_names=["input"], output_names=["output"],
                          dynamic_axes=axes, opset_version=17, dynamo=False)
        sessions[kind] = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return sessions


def main():
    what = sys.argv[1]
    arguments = sys.argv[2:] if what == "mm" else sys.argv[3:]
    threads, cases = int(arguments[0]), arguments[1:]
    torch.set_num_threads(threads)
    with torch.inference_mode():
        if what == "mm":
            a, b = torch.rand(2048, 2048), torch.rand(2048, 2048)
            print(json.dumps({"case": "mm", "seconds": best_of(lambda: torch.mm(a, b))}), flush=True)
            return
        image, text, size, vocabulary = load(sys.argv[2])
        with tempfile.TemporaryDirectory() as directory:
            runners = {"image": image, "text": text}
            if what == "onnx":
                with torch.no_grad():
                    sessions = onnx_sessions(image, text, size, vocabulary, threads, directory)
                runners = {k: (lambda x, s=s: s.run(None, {"input": x.numpy()})) for k, s in sessions.items()}
            for case in cases:
                kind, values = inputs_of(case, size, vocabulary)
                print(json.dumps({"case": case, "seconds": best_of(lambda: runners[kind](values))}), flush=True)


main()
