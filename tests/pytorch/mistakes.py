"""What PyTorch says to the mistakes of tests/mistakes: writes tests/fixtures/mistakes.json.

    python tests/pytorch/mistakes.py        # needs torch and torchvision
"""

import json
import os
import pathlib
import re
import sys
import tempfile
import warnings

import torch
import torch.nn.functional as F
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[2]
ones = torch.ones


def labels(*values):
    return torch.tensor(values)


def scalar():
    x = ones(3, requires_grad=True)
    (x * x).backward()


def twice():
    x = ones((), requires_grad=True)
    opt = torch.optim.SGD([x], 0.1)
    loss = x * x
    loss.backward()
    opt.step()
    loss.backward()


def freed():
    x = ones(2, requires_grad=True)
    y = x.exp()
    y.sum().backward()
    torch.optim.SGD([x], 0.1).step()
    y.tolist()


def other_params():
    mine, other = nn.Linear(2, 2), nn.Linear(2, 1)
    other(ones(1, 2)).sum().backward()
    torch.optim.SGD(mine.parameters(), 0.1).step()


def name():
    net = nn.Module()
    net.register_parameter("weight", nn.Parameter(ones(2)))
    net.register_parameter("weight", nn.Parameter(ones(2)))


def set_shape():
    layer = nn.Linear(2, 3)
    with torch.no_grad():
        layer.weight.copy_(ones(2, 3))


def fit(x=1.0, lr=0.1, epochs=20):
    layer = nn.Linear(4, 2)
    opt = torch.optim.SGD(layer.parameters(), lr)
    for _ in range(epochs):
        opt.zero_grad()
        loss = F.cross_entropy(layer(x * ones(8, 4)), labels(0, 1, 0, 1, 0, 1, 0, 1))
        loss.backward()
        opt.step()
    return loss


def other_classes():
    net = nn.Linear(4, 2)
    F.cross_entropy(net(ones(8, 4)), torch.arange(8)).backward()


def saved():
    torch.save(nn.ModuleDict({"fc": nn.Linear(2, 3)}).state_dict(), "weights.pt")
    return torch.load("weights.pt")


def load(net):
    net.load_state_dict(saved())


def no_weights():
    pathlib.Path("weights.pt").write_text("weights")
    torch.load("weights.pt")


def folder(path):
    from torchvision.datasets import ImageFolder

    return ImageFolder(path)


def no_image():
    pathlib.Path("train/cat").mkdir(parents=True)
    pathlib.Path("train/cat/1.jpg").write_text("no picture")
    folder("train")[0]


def text_in_numbers():
    import numpy

    pathlib.Path("table.csv").write_text("size,price\n1,10\n2,cheap\n")
    numpy.loadtxt("table.csv", delimiter=",", skiprows=1)


MISTAKES = {
    "linear": lambda: nn.Linear(4, 2)(ones(3, 5)),
    "flatten": lambda: nn.Linear(784, 10)(ones(8, 1, 28, 28)),
    "channels": lambda: nn.Conv2d(3, 8, 3)(ones(1, 1, 8, 8)),
    "channels_last": lambda: nn.Conv2d(3, 8, 3)(ones(2, 32, 32, 3)),
    "kernel": lambda: nn.Conv2d(1, 1, 5)(ones(1, 1, 3, 3)),
    "batch_norm": lambda: nn.BatchNorm2d(3)(ones(3, 8, 8)),
    "groups": lambda: nn.Conv2d(6, 8, 3, groups=4),
    "matmul": lambda: ones(2, 3) @ ones(4, 5),
    "broadcast": lambda: ones(2, 3) + ones(4),
    "reshape": lambda: ones(2, 3).reshape(4, 2),
    "dimension": lambda: ones(2, 3).sum(2),
    "cat": lambda: torch.cat([ones(2, 3), ones(2, 4)]),
    "bce": lambda: F.binary_cross_entropy_with_logits(ones(4, 1), ones(4)),
    "label_count": lambda: F.cross_entropy(ones(4, 10), labels(1, 2, 3)),
    "heads": lambda: nn.MultiheadAttention(30, 4),
    "lstm": lambda: nn.LSTM(8, 16)(ones(5)),
    "context": lambda: nn.Embedding(4, 8)(torch.arange(6)),
    "label": lambda: F.cross_entropy(ones(2, 10), labels(1, 10)),
    "negative_label": lambda: F.cross_entropy(ones(2, 10), labels(1, -1)),
    "float_labels": lambda: F.cross_entropy(ones(2, 10), ones(2)),
    "one_hot": lambda: F.cross_entropy(ones(2, 3), torch.tensor([[0, 1, 0], [1, 0, 0]])),
    "token": lambda: nn.Embedding(100, 8)(labels(3, 100)),
    "wide_label": lambda: F.cross_entropy(ones(1, 10), labels(1 << 40)),
    "from_slice": lambda: torch.tensor([1.0] * 5).view(2, 3),
    "integers": lambda: labels([1, 2]) @ ones(2, 2),
    "to_vec": lambda: labels(1, 2).numpy().view("float32"),
    "item": lambda: ones(3).item(),
    "device": lambda: ones(1).to("cuda"),
    "memory": lambda: torch.empty(1 << 60),
    "batch": lambda: list(torch.utils.data.DataLoader(range(2), batch_size=64, drop_last=True)),
    "dataset": lambda: torch.utils.data.TensorDataset(ones(10, 4), ones(9)),
    "scalar": scalar,
    "twice": twice,
    "freed": freed,
    "other_params": other_params,
    "integer_gradient": lambda: labels(1, 2).requires_grad_(),
    "no_gradient": lambda: ones(2).square().sum().backward(),
    "name": name,
    "set": set_shape,
    "devices": lambda: ones(2) + ones(2, device="meta"),
    "dropout": lambda: nn.Dropout(5.0),
    "high_rate": lambda: fit(1e4, 1e38),
    "nan": lambda: fit(float("nan")),
    "other_classes": other_classes,
    "missing_file": lambda: torch.load("weights.pt"),
    "other_names": lambda: load(nn.ModuleDict({"head": nn.Linear(2, 3)})),
    "other_shape": lambda: load(nn.ModuleDict({"fc": nn.Linear(2, 10)})),
    "left_over": lambda: load(nn.ModuleDict({"fc": nn.Linear(2, 3, bias=False)})),
    "no_weights": no_weights,
    "save": lambda: torch.save({}, "missing/weights.pt"),
    "no_data": lambda: folder("photos"),
    "empty_data": lambda: folder("."),
    "no_image": no_image,
    "csv": text_in_numbers,
}

# PyTorch has no counterpart.
NONE = {
    "image_set": "no check; the loss is an index error later",
    "resume": "no trainer",
    "figure": "no trainer",
    "no_steps": "no trainer",
}


def said(program):
    with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        os.chdir(directory)
        try:
            result = program()
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
        else:
            if caught:
                text = f"a warning: {caught[-1].message}"
            elif isinstance(result, torch.Tensor) and result.numel() == 1 and not result.isfinite():
                text = "nothing: the loss and the weights become NaN"
            else:
                text = "nothing"
        finally:
            os.chdir(ROOT)
    text = re.sub(r"\s+", " ", text).replace(directory, "").replace("|", "\\|").replace("<", "&lt;")
    return text if len(text) <= 240 else text[:240].rsplit(" ", 1)[0] + " .."


if __name__ == "__main__":
    found = {key: said(program) for key, program in MISTAKES.items()} | NONE
    path = ROOT / "tests/fixtures/mistakes.json"
    path.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    print(f"{len(found)} messages of PyTorch {torch.__version__}", file=sys.stderr)
