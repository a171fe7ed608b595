"""Compares clipdex with transformers and open_clip on full-size models with random weights. README.md says how and what came out."""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

import torch

import cases
from clipdex import Clipdex
from inputs import make_pictures, make_texts, random_texts
from layouts import MERGES, write_huggingface_tokenizer
from references import HuggingFace, OpenClip

COSINE_MIN = 0.99999


def unit(rows):
    return torch.nn.functional.normalize(rows.double(), dim=-1)


class Worst:
    """The lowest cosine and the largest difference of two rows of unit vectors, and where."""

    def __init__(self):
        self.cosine, self.difference, self.where, self.count = 1.0, 0.0, "", 0

    def add(self, name, ours, theirs):
        cosine = float(unit(ours) @ unit(theirs))
        if not cosine >= self.cosine:  # a NaN too
            self.cosine, self.where = cosine, name
        self.difference = max(self.difference, float((unit(ours) - unit(theirs)).abs().max()))
        self.count += 1


def spread(rows):
    """Mean cosine of different inputs: near 1 a comparison by cosine would say little."""
    products = unit(rows) @ unit(rows).T
    count = len(rows)
    return float((products.sum() - products.trace()) / (count * (count - 1)))


class Comparison:
    def __init__(self, clipdex, work, pictures, texts):
        self.clipdex, self.work, self.pictures, self.texts = clipdex, work, pictures, texts

    def images(self, reference, model, pictures):
        names, pixels = [], []
        notes = {}
        for file in pictures:
            try:
                pixels.append(reference.pixels(file))
                names.append(file)
            except Exception as error:  # the reference cannot read it: nothing to compare
                notes[file.name] = f"the reference fails: {error}"
        theirs = torch.cat([reference.image(part) for part in pixels])
        ours, refused = self.clipdex.embed(model, [("--image", file) for file in names])
        notes.update({Path(file).name: error for file, error in refused.items()})
        files, same_pixels = Worst(), Worst()
        for name, a, b in zip(names, ours, theirs):
            if a is not None:
                files.add(name.name, a, b)
        direct = self.clipdex.embed_pixels(model, self.work / "pixels.npy", torch.cat(pixels))
        for name, a, b in zip(names, direct, theirs):
            same_pixels.add(name.name, a, b)
        return files, same_pixels, spread(theirs), notes

    def strings(self, reference, model):
        their_ids = [reference.token_ids(text) for text in self.texts]
        theirs = torch.cat([reference.text(ids) for ids in their_ids])
        context = reference.context
        our_ids = [ids if len(ids) <= context else ids[: context - 1] + [ids[-1]] for ids in self.clipdex.tokenize(model if model.is_dir() else model.parent, self.texts)]
        ours, refused = self.clipdex.embed(model, [("--text", text) for text in self.texts])
        strings, same_ids, differing = Worst(), Worst(), []
        for text, a, b, x, y in zip(self.texts, ours, theirs, our_ids, their_ids):
            if x != y:
                differing.append({"text": text, "ours": x, "theirs": y})
            elif a is not None:
                strings.add(repr(text[:40]), a, b)
        direct, _ = self.clipdex.embed(model, [("--token-ids", ",".join(map(str, ids))) for ids in their_ids])
        for text, a, b in zip(self.texts, direct, theirs):
            same_ids.add(repr(text[:40]), a, b)
        return strings, same_ids, spread(theirs), differing, refused

    def run(self, kind, path, stride):
        started = time.time()
        model = path / "model.pt" if kind == "openai" else path
        reference = HuggingFace(path) if kind == "huggingface" else OpenClip(model)
        files, pixels, image_spread, notes = self.images(reference, model, self.pictures[::stride])
        strings, ids, text_spread, differing, refused = self.strings(reference, model)
        return {
            "pictures": files.count, "image cosine": files.cosine, "worst picture": files.where,
            "same pixels cosine": pixels.cosine, "same pixels difference": pixels.difference, "mean cosine of pictures": image_spread,
            "texts": strings.count, "text cosine": strings.cosine, "worst text": strings.where,
            "same ids cosine": ids.cosine, "same ids difference": ids.difference, "mean cosine of texts": text_spread,
            "tokenized differently": differing, "notes": notes, "refused texts": refused, "seconds": time.time() - started,
        }


def probe(clipdex, model, work, side):
    """Embeddings of fixed pixels and ids, for comparing layouts."""
    random = torch.Generator().manual_seed(5)
    pixels = torch.nn.functional.interpolate(torch.randn(4, 3, 16, 16, generator=random), size=(side, side), mode="bicubic")
    ids = [[49406, *torch.randint(0, 49406, (n,), generator=random).tolist(), 49407] for n in (1, 5, 20, 75)]
    images = clipdex.embed_pixels(model, work / "probe.npy", pixels)
    texts, _ = clipdex.embed(model, [("--token-ids", ",".join(map(str, row))) for row in ids])
    return torch.stack(images + texts)


def lowest_cosine(result):
    """A NaN if there is one."""
    cosines = [result[key] for key in ("image cosine", "same pixels cosine", "text cosine", "same ids cosine")]
    return next((cosine for cosine in cosines if cosine != cosine), min(cosines))


def print_row(cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def compare_models(clipdex, options):
    comparison = Comparison(clipdex, options.work, make_pictures(options.work / "pictures"), make_texts())
    results, ok = {}, True
    print_row(["model", "layout", "images: files", "images: same pixels", "texts: strings", "texts: same ids", "largest difference from the first layout"])
    print_row(["---"] * 7)
    for name, (cfg, stride, savers) in cases.MODELS.items():
        if options.only and not any(word in name for word in options.only):
            continue
        model, first = cases.make(cfg), None
        for layout, (kind, save) in savers.items():
            if options.layout and not any(word == layout for word in options.layout):
                continue
            path = options.work / "models" / name.replace(" ", "_") / layout.replace(" ", "_")
            shutil.rmtree(path, ignore_errors=True)
            save(model, cfg, path)
            try:
                result = comparison.run(kind, path, stride * options.stride)
                embeddings = probe(clipdex, path / "model.pt" if kind == "openai" else path, options.work, cfg["vision_cfg"]["image_size"])
                first = embeddings if first is None else first
                result["difference from the first layout"] = float((embeddings - first).abs().max())
                print_row([name, layout, f"{result['image cosine']:.8f} ({result['pictures']})", f"{result['same pixels cosine']:.8f}",
                           f"{result['text cosine']:.8f} ({result['texts']})", f"{result['same ids cosine']:.8f}",
                           f"{result['difference from the first layout']:.1e}"])
                if not lowest_cosine(result) >= COSINE_MIN:
                    ok = False
                    print(f"parity: {name}, {layout}: {lowest_cosine(result)} is below {COSINE_MIN}: {result['worst picture']}, {result['worst text']}", file=sys.stderr)
            except RuntimeError as error:
                ok = False
                result = {"error": str(error)}
                print_row([name, layout, f"fails: {error}", "", "", "", ""])
            results[f"{name}, {layout}"] = result
            if not options.keep:
                shutil.rmtree(path)
    (options.work / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False), encoding="utf-8")
    return ok


def compare_directory(clipdex, options):
    """A model that is there already, such as a training's result, with transformers."""
    comparison = Comparison(clipdex, options.work, make_pictures(options.work / "pictures"), make_texts())
    result = comparison.run("huggingface", options.model, options.stride)
    print(json.dumps(result, indent=1, ensure_ascii=False))
    compared = result["pictures"] > 0 and result["texts"] > len(result["tokenized differently"])
    return compared and lowest_cosine(result) >= COSINE_MIN


def compare_tokenizers(clipdex, options):
    import open_clip
    from transformers import CLIPTokenizer, CLIPTokenizerFast

    directory = options.work / "tokenizer"
    shutil.rmtree(directory, ignore_errors=True)
    write_huggingface_tokenizer(directory)
    openai = open_clip.SimpleTokenizer()
    slow, fast = CLIPTokenizer.from_pretrained(directory), CLIPTokenizerFast.from_pretrained(directory)
    references = {
        "open_clip SimpleTokenizer": (MERGES, lambda text: [49406, *openai.encode(text), 49407]),
        "CLIPTokenizer (slow, with ftfy)": (directory, lambda text: slow(text)["input_ids"]),
        "CLIPTokenizerFast": (directory, lambda text: fast(text)["input_ids"]),
    }
    fixed, many = make_texts(), random_texts(options.texts)
    report = {}
    print()
    print_row(["reference", "fixed texts: same ids", "random texts: same ids"])
    print_row(["---"] * 3)
    for name, (ours, encode) in references.items():
        cells = [name]
        for texts in (fixed, many):
            different = []
            for at in range(0, len(texts), 500):
                part = texts[at : at + 500]
                for text, ids in zip(part, clipdex.tokenize(ours, part)):
                    theirs = encode(text)
                    if ids != theirs:
                        different.append({"text": text, "ours": ids, "theirs": theirs})
            cells.append(f"{len(texts) - len(different)} of {len(texts)}")
            report.setdefault(name, []).extend(different)
        print_row(cells)
    (options.work / "tokenizers.json").write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(prog="./run parity", description=__doc__)
    parser.add_argument("--program", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--only", action="append", metavar="WORD", help="only models with WORD in their name (repeatable)")
    parser.add_argument("--layout", action="append", help="only this layout (repeatable)")
    parser.add_argument("--model", type=Path, metavar="DIR", help="compare this Hugging Face directory with transformers, and nothing else")
    parser.add_argument("--keep", action="store_true", help="keep the models, some GB, under the work directory")
    parser.add_argument("--texts", type=int, default=20000, help="random texts for the tokenizers (0: leave the tokenizers out)")
    parser.add_argument("--stride", type=int, default=1, metavar="N", help="only every Nth picture")
    parser.add_argument("--threads", type=int, default=0, help="of PyTorch")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    clipdex = Clipdex(options.program)
    if options.model:
        return 0 if compare_directory(clipdex, options) else 1
    ok = compare_models(clipdex, options)
    if options.texts:
        compare_tokenizers(clipdex, options)
    print(f"\nparity: details are in {options.work}/results.json and tokenizers.json", file=sys.stderr)
    return 0 if ok else 1


sys.exit(main())
