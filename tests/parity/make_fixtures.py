"""Writes fixtures/: small pictures, and what transformers and open_clip make of them and of texts with tiny models whose weights follow
from a formula (formula_weights.py), so that only numbers and pictures are kept. fixtures_test.cpp holds clipdex to them."""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import PIL
import open_clip
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPModel

import layouts
from formula_weights import fill
from inputs import PROJECT, drawing, translucent, write_png_16_bit
from references import HuggingFace, OpenClip

FIXTURES = Path(__file__).parent / "fixtures"
EMOJI_CLIP = PROJECT / "tests/data/emoji-clip"  # its tokenizer has 4,096 entries, the last of which is the end token
TEXTS = ["a photo of a cat", "Hello, World! 2016", "naïve café 生活 🙂", "", "it's 50% off: £9.99", "a very long text " * 30, "a <|endoftext|> b !"]


def make_pictures(directory):
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    drawing(91, 70, 1).save(directory / "baseline.jpg", quality=85)
    drawing(70, 91, 2).save(directory / "progressive.jpg", quality=80, progressive=True)
    drawing(80, 70, 3).convert("L").save(directory / "gray.jpg", quality=85)
    drawing(70, 75, 4).convert("CMYK").save(directory / "cmyk.jpg", quality=80)
    exif = Image.Exif()
    exif[0x112] = 6
    drawing(90, 60, 5).save(directory / "exif_6.jpg", quality=85, exif=exif)
    translucent(drawing(48, 40, 6)).save(directory / "rgba.png")
    drawing(77, 83, 7).quantize(16).save(directory / "palette.png")
    drawing(66, 70, 8).convert("1").save(directory / "bilevel.png")
    write_png_16_bit(directory / "rgb_16_bit.png", drawing(23, 30, 9))
    drawing(90, 80, 10).save(directory / "lossy.webp", quality=70)
    drawing(60, 64, 11).quantize(16).convert("RGB").save(directory / "lossless.webp", lossless=True)
    drawing(70, 60, 12).quantize(32).save(directory / "animated.gif", save_all=True, append_images=[drawing(70, 60, 13).quantize(32)])
    drawing(1, 1, 14).save(directory / "one_pixel.png")
    drawing(200, 9, 15).save(directory / "panorama.jpg", quality=85)


def cfg(vision=None, text=None, **model):
    return {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16, **(vision or {})},
        "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2, **(text or {})},
        **model,
    }


HUGGINGFACE_PREPROCESSING = {"size": {"shortest_edge": 64}, "crop_size": {"height": 64, "width": 64}, "resample": 3}
HALVES = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
SQUASH = {"size": {"height": 64, "width": 64}, "do_center_crop": False, "resample": 2}
SMALL_TEXT = {"vocab_size": 4096}
# name -> (configuration, end token, preprocessor_config.json)
HUGGINGFACE = {
    "huggingface_quick_gelu_end_2": (cfg(text=SMALL_TEXT, quick_gelu=True), 2, HUGGINGFACE_PREPROCESSING),
    "huggingface_gelu_end_4095_mlp": (cfg({"mlp_ratio": 3.5}, SMALL_TEXT), 4095, {**HUGGINGFACE_PREPROCESSING, **HALVES}),
    "huggingface_squash_bilinear": (cfg({"head_width": 16}, SMALL_TEXT, quick_gelu=True), 2, {**SQUASH, **HALVES}),
}
# name -> (model_cfg, preprocess_cfg)
OPEN_CLIP = {
    "open_clip_gelu": (cfg(), {}),
    "open_clip_head_width_20_mlp_4.3637": (
        cfg({"width": 80, "head_width": 20, "mlp_ratio": 4.3637}), {"mean": [0.5] * 3, "std": [0.5] * 3}),
    "open_clip_custom_text_squash": (
        cfg(quick_gelu=True, custom_text=True), {"resize_mode": "squash", "interpolation": "bicubic"}),
    "open_clip_longest_bilinear": (
        cfg({"layers": 1}, {"layers": 1}), {"resize_mode": "longest", "interpolation": "bilinear", "fill_color": 0}),
    "open_clip_resnet": (
        cfg({"layers": [1, 2, 1, 1], "width": 16, "patch_size": None}, quick_gelu=True), {}),
}


def save_huggingface(name, directory):
    config, end, preprocessing = HUGGINGFACE[name]
    model = CLIPModel(layouts.huggingface_config(config, end))
    state = {key: fill(key, tensor.shape) for key, tensor in model.state_dict().items()}
    save_file(state, directory / "model.safetensors", {"format": "pt"})
    preprocessing = {"image_processor_type": "CLIPImageProcessor", **preprocessing}
    # transformers writes its defaults out; hub files leave some out, and so do these.
    files = {"config.json": {**model.config.to_diff_dict(), "model_type": "clip"}, "preprocessor_config.json": preprocessing}
    for file, content in files.items():
        (directory / file).write_text(json.dumps(content))
    for file in ("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(EMOJI_CLIP / file, directory)
    return HuggingFace(directory), files, state


def save_open_clip(name, directory):
    model_cfg, preprocess = OPEN_CLIP[name]
    config = {"model_cfg": model_cfg, "preprocess_cfg": preprocess}
    kind = open_clip.CustomTextCLIP if model_cfg.get("custom_text") else open_clip.CLIP
    model = kind(**{key: value for key, value in model_cfg.items() if key != "custom_text"})
    state = {key: fill(key, tensor.shape) for key, tensor in model.state_dict().items() if tensor.is_floating_point()}
    counters = {key: tensor for key, tensor in model.state_dict().items() if not tensor.is_floating_point()}
    save_file({**state, **counters}, directory / "open_clip_model.safetensors", {"format": "pt"})
    (directory / "open_clip_config.json").write_text(json.dumps(config))
    return OpenClip(directory), {"open_clip_config.json": config}, state


def rounded(row):
    return [round(float(value), 7) for value in torch.nn.functional.normalize(row[0].double(), dim=-1)]


def make_fixture(name):
    with tempfile.TemporaryDirectory() as directory:
        save = save_huggingface if name in HUGGINGFACE else save_open_clip
        reference, files, state = save(name, Path(directory))
    images = {}
    for file in sorted((FIXTURES / "pictures").iterdir()):
        if "longest" in name and Image.open(file).mode in ("P", "CMYK"):
            continue  # open_clip fills with number 0 in the picture's own mode, a palette's first colour or white; clipdex with the colour
        try:
            images[file.name] = rounded(reference.image(reference.pixels(file)))
        except ValueError as error:
            print(f"{name}, {file.name}: the reference refuses it: {error}")
    # open_clip spells the end token "<end_of_text>"; to it, and to it alone, "<|endoftext|>" is ordinary text.
    chosen = [text for text in TEXTS if name in HUGGINGFACE or "<|" not in text]
    texts = [{"text": text, "ids": reference.token_ids(text)} for text in chosen]
    for text in texts:
        text["embedding"] = rounded(reference.text(text["ids"]))
    made_by = {"torch": torch.__version__, "Pillow": PIL.__version__}
    made_by |= {"transformers": transformers.__version__} if name in HUGGINGFACE else {"open_clip": open_clip.__version__}
    return {
        "made_by": made_by, "layout": "huggingface" if name in HUGGINGFACE else "open_clip", "files": files,
        "tensors": {key: list(tensor.shape) for key, tensor in state.items()}, "images": images, "texts": texts,
    }


def main():
    parser = argparse.ArgumentParser(prog="./run parity fixtures", description=__doc__)
    parser.add_argument("--program", help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.parse_args()
    torch.set_num_threads(1)
    FIXTURES.mkdir(exist_ok=True)
    make_pictures(FIXTURES / "pictures")
    for name in [*HUGGINGFACE, *OPEN_CLIP]:
        text = json.dumps(make_fixture(name), ensure_ascii=False, separators=(",", ":"))
        (FIXTURES / f"{name}.json").write_text(text.replace('],"', '],\n"').replace('},"', '},\n"') + "\n", encoding="utf-8")
        print(name)


main()
