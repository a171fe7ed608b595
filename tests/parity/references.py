"""transformers and open_clip as their users call them, in fp32 on the CPU."""

from pathlib import Path

import open_clip
import torch
from PIL import Image, ImageOps
from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer


def open_picture(file):
    """As the references' users open it, but upright: clipdex applies the EXIF orientation, the references leave it to the caller."""
    picture = Image.open(file)
    return ImageOps.exif_transpose(picture) if picture.getexif().get(0x112, 1) != 1 else picture


class HuggingFace:
    def __init__(self, directory):
        self.model = CLIPModel.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
        self.processor = CLIPImageProcessor.from_pretrained(directory, use_fast=False)
        self.tokenizer = CLIPTokenizer.from_pretrained(directory)
        self.context = self.model.config.text_config.max_position_embeddings

    def pixels(self, file):
        return self.processor(images=open_picture(file), return_tensors="pt")["pixel_values"]

    def token_ids(self, text):
        return self.tokenizer(text, truncation=True, max_length=self.context)["input_ids"]

    @torch.no_grad()
    def image(self, pixels):
        return self.model.get_image_features(pixel_values=pixels)

    @torch.no_grad()
    def text(self, ids):
        return self.model.get_text_features(input_ids=torch.tensor([ids]))


class OpenClip:
    def __init__(self, path):
        path = Path(path)
        if path.is_dir():
            self.model, _, self.transform = open_clip.create_model_and_transforms(f"local-dir:{path}", precision="fp32", device="cpu")
        else:
            self.model = open_clip.openai.load_openai_model(str(path), precision="fp32", device="cpu")
            self.transform = open_clip.image_transform(self.model.visual.image_size, is_train=False)
        self.model.eval()
        positions = self.model.text.positional_embedding if hasattr(self.model, "text") else self.model.positional_embedding
        self.context = len(positions)
        self.tokenizer = open_clip.SimpleTokenizer(context_length=self.context)

    def pixels(self, file):
        return self.transform(open_picture(file)).unsqueeze(0)

    def token_ids(self, text):
        row = self.tokenizer([text])[0].tolist()
        return row[: row.index(49407) + 1]

    @torch.no_grad()
    def image(self, pixels):
        return self.model.encode_image(pixels)

    @torch.no_grad()
    def text(self, ids):
        row = torch.zeros(1, self.context, dtype=torch.int64)
        row[0, : len(ids)] = torch.tensor(ids)
        return self.model.encode_text(row)
