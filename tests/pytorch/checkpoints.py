"""Files of torch.save for crates/models/tests/torch_files.rs, and what is in them. Needs torch.

    python checkpoints.py ../../crates/models/tests/fixtures/torch
"""

import collections
import json
import sys
from argparse import Namespace
from pathlib import Path

import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = torch.nn.Linear(3, 4)
        self.bn1 = torch.nn.BatchNorm1d(4)
        self.fc2 = torch.nn.Linear(4, 2)

    def forward(self, x):
        return self.fc2(torch.relu(self.bn1(self.fc1(x))))


def main(folder):
    torch.manual_seed(0)
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.randn(8, 3)).square().mean().backward()
    optimizer.step()
    state = net.state_dict()
    torch.save(state, folder / "state_dict.pt")
    torch.save(state, folder / "before_1_6.pt", _use_new_zipfile_serialization=False)
    torch.save(state, folder / "protocol_5.pt", pickle_protocol=5)
    torch.save(net, folder / "module.pt")
    parallel = collections.OrderedDict((f"module.{name}", value) for name, value in state.items())
    args = Namespace(lr=0.1, name="run", path=Path("x"), none=None, values=[1, 2.5, {"a": {3}}])
    checkpoint = {"epoch": 3, "model_state": parallel, "optimizer": optimizer.state_dict(), "args": args, "rng": torch.get_rng_state()[:16]}
    torch.save(checkpoint, folder / "checkpoint.pt")

    base = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5)
    views = {
        "base": base,
        "row": base[1],
        "transposed": base.permute(2, 0, 1),
        "steps": base[:, 1::2, ::3],
        "expanded": base[0, 0, :1].expand(2, 3),
        "scalar": base[2, 3, 4],
        "empty": base[:, :0],
        "parameter": torch.nn.Parameter(base[0].t()),
        "tuple": (base[0, 0], [base[1, 1]]),
    }
    for name in "float16 bfloat16 float64 int8 uint8 int16 int32 int64 bool".split():
        views[name] = torch.tensor([-3, 0, 1, 7]).clamp_min(0 if name == "uint8" else -3).to(getattr(torch, name))
    torch.save(views, folder / "views.pt")

    def flat(value, name=""):
        if isinstance(value, torch.Tensor):
            yield name, value
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield from flat(inner, f"{name}.{key}" if name else str(key))
        elif isinstance(value, (list, tuple)):
            for i, inner in enumerate(value):
                yield from flat(inner, f"{name}.{i}" if name else str(i))

    expected = {}
    for file, value in [("state_dict", state), ("before_1_6", state), ("protocol_5", state), ("module", state), ("checkpoint", checkpoint), ("views", views)]:
        tensors = {name: {"shape": list(t.shape), "type": str(t.dtype)[6:], "values": t.double().flatten().tolist()} for name, t in flat(value)}
        expected[f"{file}.pt"] = tensors
    (folder / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
