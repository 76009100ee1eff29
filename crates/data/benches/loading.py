"""Photographs for the bench `loading`, and torchvision's DataLoader on them.

    python loading.py make DIRECTORY CIFAR [COUNT]     photographs of mixed sizes from the JPEG pictures in a directory or a .tar.gz
    python loading.py torchvision DIRECTORY [WORKERS]  torchvision on its own
    python loading.py compare DIRECTORY PROGRAM [ROUNDS]  both, one after the other

PROGRAM is what `cargo bench -p wgrad-data --bench loading --no-run` builds. The pictures are enlarged to about 500x375 pixels, with noise
of several scales that makes the files as large as those of photographs. Needs pillow and numpy; comparing needs torch and torchvision.
"""

import io
import json
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
from PIL import Image


def pictures(source):
    if Path(source).is_dir():
        for path in sorted(Path(source).rglob("*.jpg")):
            yield path.parent.name, Image.open(path).convert("RGB")
        return
    with tarfile.open(source) as archive:
        for entry in archive:
            if entry.name.endswith(".jpg"):
                yield Path(entry.name).parent.name, Image.open(io.BytesIO(archive.extractfile(entry).read())).convert("RGB")


def make(directory, source, count=2000):
    rng = np.random.default_rng(0)
    every = 17  # so that all classes come
    for i, (name, picture) in enumerate(pictures(source)):
        if i % every or i // every >= int(count):
            continue
        width, height = int(rng.normal(480, 40)), int(rng.normal(370, 40))
        if rng.random() < 0.25:
            width, height = height, width
        pixels = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC), np.float32)
        for scale, strength in ((1, 9), (3, 10), (12, 10)):
            noise = rng.normal(0, strength, (height // scale + 1, width // scale + 1)).astype(np.float32)
            noise = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
            pixels = pixels + np.asarray(noise)[:, :, None]
        path = Path(directory) / name / f"{i:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=88)


def best_rate(loader, rounds):
    """Images a second of the best of some epochs."""
    rates = []
    for _ in range(rounds):
        start = time.perf_counter()
        count = sum(len(labels) for _, labels in loader)
        rates.append(count / (time.perf_counter() - start))
    return max(rates)


def torchvision_rate(directory, workers=2, rounds=3):
    import torch
    from torchvision import datasets, transforms

    torch.set_num_threads(1)
    transform = transforms.Compose([
        transforms.RandomResizedCrop(224),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ])
    images = datasets.ImageFolder(directory, transform)
    loader = torch.utils.data.DataLoader(
        images, 64, shuffle=True, drop_last=True, num_workers=int(workers), persistent_workers=True
    )
    return best_rate(loader, rounds)


def torchvision_small_rate(workers=2, rounds=3):
    """Pictures of 32 pixels in memory, as torchvision's CIFAR10 holds and transforms them."""
    import torch
    from torchvision import transforms

    transform = transforms.Compose([
        transforms.RandomCrop(32, 4),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize([0.5] * 3, [0.25] * 3),
    ])

    class Pictures(torch.utils.data.Dataset):
        pixels = np.random.default_rng(0).integers(0, 256, (20000, 32, 32, 3), np.uint8)

        def __len__(self):
            return len(self.pixels)

        def __getitem__(self, i):
            return transform(Image.fromarray(self.pixels[i])), i % 10

    loader = torch.utils.data.DataLoader(
        Pictures(), 128, shuffle=True, drop_last=True, num_workers=int(workers), persistent_workers=True
    )
    return best_rate(loader, rounds)


def compare(directory, program, rounds=3):
    best = {}

    def note(name, rate):
        best[name] = max(best.get(name, 0.0), round(rate))

    for _ in range(int(rounds)):
        found = subprocess.run([program, directory, "2"], capture_output=True, text=True, check=True).stdout
        print(found.strip(), flush=True)
        note("wgrad, photographs", json.loads(found)["images_per_second"])
        note("torchvision, photographs", torchvision_rate(directory))
        note("wgrad, 32 pixels", json.loads(found)["small_images_per_second"])
        note("torchvision, 32 pixels", torchvision_small_rate())
        print(json.dumps(best), flush=True)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"make": make, "torchvision": lambda *a: print(torchvision_rate(*a)), "compare": compare}[command](*arguments)
