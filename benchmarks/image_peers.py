"""What benchmarks/image_bench compares with: Pillow and libvips on the same files, in loops within one process, one thread.

Usage: image_peers.py DIRECTORY SECONDS FILE... -- WIDTH HEIGHT FILE...
Prints "PEER decode|resize FILE MPIXEL_PER_S" lines; CPU time, the best of the repetitions. libvips is called through its C interface.
"""
import ctypes
import ctypes.util
import io
import os
import sys
import time


def fastest(work, seconds):
    best, until = float("inf"), time.process_time() + seconds
    while True:
        start = time.process_time()
        work()
        now = time.process_time()
        best = min(best, now - start)
        if now >= until:
            return best


def report(peer, what, name, pixels, seconds):
    print(f"{peer} {what} {name} {pixels / seconds / 1e6:.1f}", flush=True)


class Pillow:
    name = "pillow"

    def __init__(self):
        from PIL import Image, __version__

        self.image = Image
        print(f"# Pillow {__version__}", flush=True)

    def decode(self, data):
        picture = self.image.open(io.BytesIO(data))
        picture.load()
        return picture

    def size(self, data):
        return self.image.open(io.BytesIO(data)).size

    def resizer(self, data, width, height):
        picture = self.decode(data).convert("RGB")
        return lambda: picture.resize((width, height), self.image.Resampling.BICUBIC)


class Vips:
    name = "libvips"
    CUBIC = 2  # VipsKernel
    SEQUENTIAL = 1  # VipsAccess

    def __init__(self):
        self.vips = ctypes.CDLL(ctypes.util.find_library("vips") or "libvips.so.42")
        self.glib = ctypes.CDLL("libglib-2.0.so.0")
        self.gobject = ctypes.CDLL("libgobject-2.0.so.0")
        self.vips.vips_version_string.restype = ctypes.c_char_p
        for function in ("vips_image_new_from_buffer", "vips_image_new_from_memory", "vips_image_write_to_memory"):
            getattr(self.vips, function).restype = ctypes.c_void_p
        if self.vips.vips_init(b"image_peers"):
            raise OSError("libvips cannot be initialised")
        self.vips.vips_concurrency_set(1)
        self.vips.vips_cache_set_max(0)
        print(f"# libvips {self.vips.vips_version_string().decode()}", flush=True)

    def pixels(self, image):
        size = ctypes.c_size_t()
        memory = self.vips.vips_image_write_to_memory(ctypes.c_void_p(image), ctypes.byref(size))
        if not memory:
            raise OSError("libvips cannot compute the picture")
        return memory, size.value

    def free(self, image, memory):
        self.glib.g_free(ctypes.c_void_p(memory))
        self.gobject.g_object_unref(ctypes.c_void_p(image))

    def load(self, data):
        image = self.vips.vips_image_new_from_buffer(
            data, ctypes.c_size_t(len(data)), b"", b"access", ctypes.c_int(self.SEQUENTIAL), ctypes.c_void_p()
        )
        if not image:
            raise OSError("libvips cannot read the file")
        return image

    def decode(self, data):
        image = self.load(data)
        memory, _ = self.pixels(image)
        self.free(image, memory)

    def resizer(self, data, width, height):
        from PIL import Image

        picture = Image.open(io.BytesIO(data)).convert("RGB")
        memory = picture.tobytes()
        scale = ctypes.c_double(width / picture.width)

        def work():
            image = self.vips.vips_image_new_from_memory(
                memory, ctypes.c_size_t(len(memory)), picture.width, picture.height, 3, 0
            )
            resized = ctypes.c_void_p()
            if self.vips.vips_resize(
                ctypes.c_void_p(image), ctypes.byref(resized), scale, b"kernel", ctypes.c_int(self.CUBIC), ctypes.c_void_p()
            ):
                raise OSError("libvips cannot resize")
            result, size = self.pixels(resized.value)
            if abs(size - width * height * 3) > 3 * (width + height):
                raise OSError(f"libvips gives {size} bytes")
            self.free(resized.value, result)
            self.gobject.g_object_unref(ctypes.c_void_p(image))

        return work


def main():
    directory, seconds = sys.argv[1], float(sys.argv[2])
    split = sys.argv.index("--")
    decoded = sys.argv[3:split]
    resized = [(int(w), int(h), f) for w, h, f in zip(*[iter(sys.argv[split + 1 :])] * 3)]
    files = {}
    for name in {*decoded, *(f for _, _, f in resized)}:
        with open(os.path.join(directory, name), "rb") as stream:
            files[name] = stream.read()
    for peer_class in (Pillow, Vips):
        try:
            peer = peer_class()
        except (ImportError, OSError) as error:
            print(f"# {peer_class.name} is not here: {error}", flush=True)
            continue
        from PIL import Image

        for name in decoded:
            width, height = Image.open(io.BytesIO(files[name])).size
            report(peer.name, "decode", name, width * height, fastest(lambda: peer.decode(files[name]), seconds))
        for width, height, name in resized:
            whole = Image.open(io.BytesIO(files[name])).size
            report(peer.name, "resize", name, whole[0] * whole[1], fastest(peer.resizer(files[name], width, height), seconds))


if __name__ == "__main__":
    main()
