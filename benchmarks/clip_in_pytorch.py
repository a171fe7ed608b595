"""CLIP as plain PyTorch modules with OpenAI's parameter names: what encoder_peers.py and gpu_peers.py measure as PyTorch eager."""

import json
import os

import torch
from torch import nn
from torch.nn import functional as F


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
        return self.ln_final(x)[torch.arange(x.shape[0], device=x.device), ids.argmax(dim=-1)] @ self.text_projection


def build(cfg):
    """The image's and the text's tower of a model_cfg, their parameters not set."""
    vision, embed = cfg["vision_cfg"], cfg["embed_dim"]
    image = (ModifiedResNet if isinstance(vision["layers"], list) else VisionTransformer)(vision, embed)
    return image, Text(cfg["text_cfg"], embed)


def load(directory):
    # Here: gpu_peers.py does without.
    from safetensors.torch import load_file

    with open(os.path.join(directory, "open_clip_config.json")) as file:
        cfg = json.load(file)["model_cfg"]
    image, text = build(cfg)
    weights = load_file(os.path.join(directory, "open_clip_model.safetensors"))
    image.load_state_dict({k[7:]: v for k, v in weights.items() if k.startswith("visual.")}, strict=False)
    missing = set(k for k, _ in text.named_parameters()) - set(weights)
    assert not missing, missing
    text.load_state_dict({k: v for k, v in weights.items() if not k.startswith("visual.") and k != "logit_scale"})
    return image.eval(), text.eval()
