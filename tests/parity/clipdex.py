"""The built program, called as a user calls it."""

import json
import subprocess

import numpy
import torch


class Clipdex:
    def __init__(self, program):
        self.program = program

    def lines(self, arguments):
        """JSON lines, and what it said on standard error if it failed."""
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True, check=False)
        return [json.loads(line) for line in done.stdout.split("\n") if line], None if done.returncode == 0 else done.stderr.strip()

    def embed(self, model, inputs):
        """inputs: (option, value). Unit embeddings in their order, None for one that is refused; and what was said of those."""
        embeddings, refused, at = [], {}, 0
        while at < len(inputs):
            arguments = ["embed", "--json", "--exact-decode", "--model", str(model)]
            for option, value in inputs[at:]:
                arguments += [f"{option}={value}"] if str(value).startswith("-") else [option, str(value)]
            lines, error = self.lines(arguments)
            embeddings += [torch.tensor(line["embedding"], dtype=torch.float64) for line in lines]
            at += len(lines)
            if error is None:
                break
            if not lines and not embeddings and not any(word in error for word in ("picture", str(inputs[at][1]) or "?")):
                raise RuntimeError(f"clipdex embed: {error}")
            refused[inputs[at][1]] = error
            embeddings.append(None)
            at += 1
        return embeddings, refused

    def embed_pixels(self, model, file, pixels):
        numpy.save(file, pixels.numpy().astype(numpy.float32))
        lines, error = self.lines(["embed", "--json", "--model", str(model), "--pixels", str(file)])
        if error:
            raise RuntimeError(f"clipdex embed --pixels: {error}")
        return [torch.tensor(line["embedding"], dtype=torch.float64) for line in lines]

    def tokenize(self, tokenizer, texts):
        lines, error = self.lines(["model", "tokenize", str(tokenizer), "--json", "--", *texts])
        if error:
            raise RuntimeError(f"clipdex model tokenize: {error}")
        return [line["ids"] for line in lines]
