"""The same CLIP saved as Hugging Face, open_clip and OpenAI publish theirs."""

import gzip
import json
import shutil
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer, CLIPTokenizerFast

MERGES = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
BLOCK_NAMES = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
NAMES = {
    "logit_scale": "logit_scale",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final": "text_model.final_layer_norm",
    "text_projection": "text_projection.weight",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.ln_pre": "vision_model.pre_layrnorm",
    "visual.ln_post": "vision_model.post_layernorm",
    "visual.proj": "visual_projection.weight",
}


def huggingface_state(state):
    """A state dict with OpenAI's names -> one with transformers'. CLIPModel loads it strictly."""
    out = {}
    for name, tensor in state.items():
        if name in NAMES:
            out[NAMES[name]] = tensor.t() if name in ("text_projection", "visual.proj") else tensor
            continue
        stem, leaf = name.rsplit(".", 1)
        if stem in NAMES:
            out[f"{NAMES[stem]}.{leaf}"] = tensor
            continue
        tower = "vision_model" if name.startswith("visual.") else "text_model"
        layer, rest = name.split("resblocks.")[1].split(".", 1)
        prefix = f"{tower}.encoder.layers.{layer}"
        if rest.startswith("attn.in_proj_"):
            for part, values in zip("qkv", tensor.chunk(3)):
                out[f"{prefix}.self_attn.{part}_proj.{rest.removeprefix('attn.in_proj_')}"] = values
        else:
            stem, leaf = rest.rsplit(".", 1)
            out[f"{prefix}.{BLOCK_NAMES[stem]}.{leaf}"] = tensor
    return {name: tensor.detach().clone().contiguous() for name, tensor in out.items()}


def huggingface_config(cfg, eos):
    vision, text = cfg["vision_cfg"], cfg["text_cfg"]
    activation = "quick_gelu" if cfg.get("quick_gelu") else "gelu"
    return CLIPConfig(
        projection_dim=cfg["embed_dim"],
        text_config={
            "vocab_size": text.get("vocab_size", 49408), "hidden_size": text["width"], "num_attention_heads": text["heads"],
            "num_hidden_layers": text["layers"], "intermediate_size": int(text["width"] * text.get("mlp_ratio", 4.0)),
            "max_position_embeddings": text.get("context_length", 77), "hidden_act": activation, "projection_dim": cfg["embed_dim"],
            "bos_token_id": 0 if eos == 2 else eos - 1, "eos_token_id": eos, "pad_token_id": 1 if eos == 2 else eos,
        },
        vision_config={
            "image_size": vision["image_size"], "patch_size": vision["patch_size"], "hidden_size": vision["width"],
            "num_attention_heads": vision["width"] // vision.get("head_width", 64), "num_hidden_layers": vision["layers"],
            "intermediate_size": int(vision["width"] * vision.get("mlp_ratio", 4.0)), "hidden_act": activation,
            "projection_dim": cfg["embed_dim"],
        },
    )


def write_huggingface_tokenizer(directory):
    """vocab.json and merges.txt from OpenAI's merges, and what transformers makes of them (tokenizer.json, ...)."""
    merges = gzip.open(MERGES, "rt", encoding="utf-8").read().split("\n")[1 : 49152 - 256 - 2 + 1]
    symbols = list(open_clip.tokenizer.bytes_to_unicode().values())
    words = symbols + [s + "</w>" for s in symbols] + ["".join(m.split()) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(words)}, ensure_ascii=False), encoding="utf-8")
    (directory / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    CLIPTokenizerFast.from_pretrained(directory).save_pretrained(directory)


def save_huggingface(model, cfg, directory, dtype=torch.float32, eos=2, shard="50GB", safe=True):
    config = huggingface_config(cfg, eos)
    with torch.device("meta"):
        theirs = CLIPModel(config)
    theirs.load_state_dict({k: v.to(dtype) for k, v in huggingface_state(model.state_dict()).items()}, strict=True, assign=True)
    config.dtype = dtype
    theirs.save_pretrained(directory, max_shard_size=shard, safe_serialization=safe)
    side = cfg["vision_cfg"]["image_size"]
    CLIPImageProcessor(size={"shortest_edge": side}, crop_size={"height": side, "width": side}).save_pretrained(directory)
    write_huggingface_tokenizer(directory)


def save_open_clip(model, cfg, directory, preprocess=None, kind="safetensors", dtype=torch.float32):
    directory.mkdir(parents=True, exist_ok=True)
    defaults = {"mean": list(open_clip.OPENAI_DATASET_MEAN), "std": list(open_clip.OPENAI_DATASET_STD)}
    text = json.dumps({"model_cfg": cfg, "preprocess_cfg": {**defaults, **(preprocess or {})}}, indent=1)
    (directory / "open_clip_config.json").write_text(text)
    state = {n: t.detach().clone().contiguous().to(dtype if t.is_floating_point() else t.dtype) for n, t in model.state_dict().items()}
    if kind == "safetensors":
        save_file(state, directory / "open_clip_model.safetensors", {"format": "pt"})
    elif kind == "bin":
        torch.save(state, directory / "open_clip_pytorch_model.bin")
    elif kind == "training":  # as open_clip's training writes its checkpoints, here under DistributedDataParallel's names
        wrapped = {"epoch": 3, "name": "run", "state_dict": {"module." + n: t for n, t in state.items()}}
        torch.save(wrapped, directory / "open_clip_pytorch_model.bin")
    else:
        raise ValueError(kind)
    shutil.copy(MERGES, directory)


def is_fp16_in_openai(name):
    """What openai/CLIP's convert_weights() stores as fp16: convolutions, linear layers, projections."""
    if "ln_" in name or ".bn" in name or "downsample.1" in name or "embedding" in name or name == "logit_scale":
        return False
    return True


def save_openai(model, cfg, file):
    """A TorchScript archive with OpenAI's parameters and the three buffers of theirs. Changes `model`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    side = cfg["vision_cfg"]["image_size"]
    if "attn_mask" in model._buffers:  # a constant in OpenAI's archives
        mask = model._buffers.pop("attn_mask")
        model.attn_mask = mask
    for name, value in {"input_resolution": side, "context_length": 77, "vocab_size": 49408}.items():
        if hasattr(model, name):
            delattr(model, name)
        model.register_buffer(name, torch.tensor(value))
    image, text = torch.zeros(1, 3, side, side), torch.zeros(1, 77, dtype=torch.int64)
    with torch.no_grad():
        traced = torch.jit.trace_module(model, {"forward": (image, text)}, check_trace=False)
    for name, tensor in traced.named_parameters():
        if is_fp16_in_openai(name):
            tensor.data = tensor.data.half()
    torch.jit.save(traced, str(file))
    shutil.copy(MERGES, file.parent)
    state = torch.jit.load(str(file), map_location="cpu").state_dict()
    assert state["visual.conv1.weight"].dtype == torch.float16 and state["ln_final.weight"].dtype == torch.float32
    assert {"input_resolution", "context_length", "vocab_size"} <= set(state)
