"""Pictures and texts of many kinds, made here but for the gallery's."""

import json
import random
import struct
import zlib
from pathlib import Path

import numpy
from PIL import Image, ImageDraw, ImageFilter

PROJECT = Path(__file__).resolve().parents[2]


def drawing(width, height, seed):
    """Gradients, shapes and noise in RGB."""
    numbers = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:height, 0:width]
    waves = [numpy.sin(x / (7.0 + 9 * c) + seed) + numpy.cos(y / (11.0 + 5 * c)) + x / max(1, width) for c in range(3)]
    base = numpy.stack(waves, axis=-1) * 50 + 110 + numbers.normal(0, 9, (height, width, 3))
    picture = Image.fromarray(base.clip(0, 255).astype(numpy.uint8))
    pen = ImageDraw.Draw(picture)
    for _ in range(9):
        left, top = numbers.integers(0, width), numbers.integers(0, height)
        right, bottom = left + numbers.integers(1, width + 2), top + numbers.integers(1, height + 2)
        color = tuple(int(v) for v in numbers.integers(0, 256, 3))
        (pen.ellipse if numbers.random() < 0.5 else pen.rectangle)([left, top, right // 2 + left // 2, bottom // 2 + top // 2], fill=color)
    return picture


def translucent(picture):
    alpha = numpy.asarray(picture.convert("L").filter(ImageFilter.BoxBlur(3))).astype(int) * 2 - 128
    out = picture.convert("RGBA")
    out.putalpha(Image.fromarray(alpha.clip(0, 255).astype(numpy.uint8)))
    return out


def write_png_16_bit(file, picture):
    """16-bit RGB, which Pillow reads and does not write."""
    values = numpy.asarray(picture).astype(numpy.uint16) * 257 ^ 0x5A
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 16, 2, 0, 0, 0)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def make_pictures(directory):
    directory.mkdir(parents=True, exist_ok=True)

    def save(name, picture, **options):
        picture.save(directory / name, **options)

    save("baseline.jpg", drawing(640, 480, 1), quality=90)
    save("baseline_444.jpg", drawing(333, 501, 2), quality=95, subsampling=0)
    save("baseline_422_low.jpg", drawing(427, 640, 3), quality=40, subsampling=1)
    save("progressive.jpg", drawing(640, 427, 4), quality=85, progressive=True)
    save("large.jpg", drawing(3000, 2000, 5), quality=88)
    save("gray.jpg", drawing(400, 300, 6).convert("L"), quality=90)
    save("cmyk.jpg", drawing(320, 400, 7).convert("CMYK"), quality=90)
    for orientation in range(2, 9):
        exif = Image.Exif()
        exif[0x112] = orientation
        save(f"exif_{orientation}.jpg", drawing(400, 260, 10 + orientation), quality=90, exif=exif)
    save("panorama.jpg", drawing(2400, 130, 20), quality=90)
    save("tower.png", drawing(61, 2000, 21))
    save("one_pixel.png", drawing(1, 1, 22))
    save("tiny.png", drawing(3, 5, 23))
    save("square_224.png", drawing(224, 224, 24))
    save("off_by_one.png", drawing(225, 223, 25))
    save("crop_quarter.png", drawing(427, 640, 26))  # where open_clip and transformers round the crop differently
    save("rgb.png", drawing(511, 389, 27))
    save("rgba.png", translucent(drawing(300, 260, 28)))
    save("gray.png", drawing(300, 200, 29).convert("L"))
    save("gray_alpha.png", translucent(drawing(300, 200, 30)).convert("LA"))
    save("palette.png", drawing(300, 310, 31).quantize(64))
    save("palette_transparent.png", drawing(300, 310, 32).quantize(32), transparency=3)
    save("bilevel.png", drawing(280, 250, 33).convert("1"))
    write_png_16_bit(directory / "rgb_16_bit.png", drawing(260, 240, 34))
    save("lossy.webp", drawing(500, 400, 35), quality=80)
    save("lossless.webp", drawing(300, 330, 36), lossless=True)
    save("alpha.webp", translucent(drawing(320, 300, 37)), quality=90)
    save("still.gif", drawing(300, 240, 38))
    save("animated.gif", drawing(260, 300, 39), save_all=True, append_images=[drawing(260, 300, 40)], duration=50)
    save("plain.bmp", drawing(300, 270, 41))
    save("plain.tif", drawing(300, 270, 42))
    save("lzw.tif", drawing(310, 270, 43), compression="tiff_lzw")
    gallery = sorted((PROJECT / "tests/data/gallery").glob("*.png"))
    return sorted(directory.iterdir()) + gallery[:: max(1, len(gallery) // 12)] + [PROJECT / "tests/data/CLIP.png"]


TEXTS = [
    "a photo of a cat", "A Photo of a DOG!", "a diagram", "", " ", "!", "!!!!", "0", "2016", "1234567890", "a  b\tc\nd",
    "You should've done this; can't, won't, I'll, they're, we've, I'm, he'd", "UNwantéd,running", "straße STRASSE", "ΣΊΣΥΦΟΣ", "İstanbul",
    "Ünïcödé àçčéñts", "e\u0301 combining", "生活的真谛是", "こんにちは世界", "안녕하세요 세계", "Привет, мир", "مرحبا بالعالم", "שלום עולם", "สวัสดีชาวโลก",
    "नमस्ते दुनिया", "🙂", "👩‍👩‍👧‍👦 family", "🇩🇪🇫🇷 flags", "👍🏽 thumbs", "a 🐱 on a 🛋️", "it’s “quoted” ‘text’", "ﬁne ﬂow", "ｆｕｌｌｗｉｄｔｈ", "a\u200bb", "x\u00a0y",
    "&amp;amp; &lt;b&gt; &eacute; &#233; &#x1F600;", "<b>bold</b> &amp; more", "fish & chips", "http://example.org/a?b=c&d=e#f", "user@example.org",
    "def main():\n\tpass", "$1 €4 £5 ¥6 ₣7 ₹8", "50% off, 3.14159, -273.15°C", "<|startoftext|>", "a <|endoftext|> b", "<start_of_text>",
    "supercalifragilisticexpialidocious", "pneumonoultramicroscopicsilicovolcanoconiosis", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "x" * 400,
    "a very long text " * 30, "word " * 74, "word " * 75, "word " * 76, "🙂" * 60, "生" * 90, "schÃ¶n", "caf\u00e9 vs cafe\u0301", "\ufeffbom", "tab\there",
    "ǅ ǈ ǋ", "①②③ ⅓ ²", "№ ™ ©", "a\u0345b", "\u180e", "a\u00adb", "𝒻𝒶𝓃𝒸𝓎", "𠜎𠜱𠝹", "ﷺ", "a'sb 'S 'T", "--text", "-1",
]


def make_texts():
    vectors = json.loads((PROJECT / "tests/data/clip_token_vectors.json").read_text())
    found = []

    def collect(value):
        if isinstance(value, dict):
            if isinstance(value.get("text"), str):
                found.append(value["text"])
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    collect(vectors)
    return list(dict.fromkeys(text for text in TEXTS + found if "\0" not in text))


def random_texts(count):
    """Code points of every plane but mostly of the scripts people write in."""
    numbers = random.Random(7)
    ranges = [(0x20, 0x7E)] * 6 + [(0xA0, 0x24F), (0x370, 0x5FF), (0x900, 0xDFF), (0x1E00, 0x1FFF), (0x2000, 0x2BFF), (0x3040, 0x30FF),
                                   (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFFEF), (0x1D400, 0x1D7FF), (0x1F300, 0x1FAFF)]
    texts = []
    for _ in range(count):
        chars = []
        for _ in range(numbers.randint(1, 8)):
            low, high = numbers.choice(ranges)
            chars += [chr(numbers.randint(low, high)) for _ in range(numbers.randint(1, 6))] + [" "] * numbers.randint(0, 1)
        texts.append("".join(chars))
    return texts
