"""The models that are compared: a published architecture or one cut short, and the layouts it is saved in."""

from copy import deepcopy

import open_clip
import torch

import layouts
from random_weights import randomize


def published(name, vision=None, text=None, **model):
    cfg = deepcopy(open_clip.get_model_config(name))
    cfg.update(model)
    cfg["vision_cfg"].update(vision or {})
    cfg["text_cfg"].update(text or {})
    return cfg


def make(cfg):
    kind = open_clip.CustomTextCLIP if cfg.get("custom_text") else open_clip.CLIP
    arguments = {k: v for k, v in deepcopy(cfg).items() if k != "custom_text"}
    return randomize(kind(**arguments))


def huggingface(**options):
    return "huggingface", lambda model, cfg, path: layouts.save_huggingface(model, cfg, path, **options)


def openclip(**options):
    return "open_clip", lambda model, cfg, path: layouts.save_open_clip(model, cfg, path, **options)


def openai():
    return "openai", lambda model, cfg, path: layouts.save_openai(model, cfg, path / "model.pt")


FP16, BF16 = torch.float16, torch.bfloat16
SQUASHED = {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"}

# name -> (configuration, stride through the pictures, {layout: (reference, saver)}); "openai" is last: it takes the model apart.
MODELS = {
    "ViT-B-32 quickgelu": (published("ViT-B-32", quick_gelu=True), 1, {
        "hf": huggingface(),
        "hf sharded": huggingface(shard="150MB"),
        "hf bin": huggingface(safe=False),
        "hf fp16": huggingface(dtype=FP16),
        "hf bf16": huggingface(dtype=BF16),
        "open_clip": openclip(),
        "open_clip bin": openclip(kind="bin"),
        "open_clip training": openclip(kind="training"),
        "open_clip fp16": openclip(dtype=FP16),
        "openai pt": openai(),
    }),
    "ViT-B-32 gelu": (published("ViT-B-32"), 1, {"hf eos 49407": huggingface(eos=49407), "open_clip": openclip()}),
    "RN50 quickgelu": (published("RN50", quick_gelu=True), 1, {
        "open_clip": openclip(), "open_clip bin fp16": openclip(kind="bin", dtype=FP16), "openai pt": openai()}),
    "ViT-L-14 quickgelu": (published("ViT-L-14", quick_gelu=True), 6, {"hf": huggingface(), "open_clip": openclip(), "openai pt": openai()}),
    "ViT-H-14 of 6 + 6 layers": (published("ViT-H-14", {"layers": 6}, {"layers": 6}), 2, {
        "hf eos 49407": huggingface(eos=49407), "open_clip": openclip()}),
    "ViT-g-14 of 4 + 4 layers, custom text, squash, 0.5": (
        published("ViT-g-14", {"layers": 4}, {"layers": 4}, custom_text=True), 2, {"open_clip": openclip(preprocess=SQUASHED)}),
    "RN50x4 of 6 text layers": (published("RN50x4", None, {"layers": 6}, quick_gelu=True), 4, {"open_clip": openclip()}),
}
