"""Checks of ONNX files. Needs onnx, onnxruntime, onnxscript, torch, torchvision, transformers.

    python onnx_check.py exported FOLDER   # files of `cargo run -p wgrad-onnx --example zoo -- FOLDER`: onnx.checker and onnxruntime
    python onnx_check.py make FOLDER       # exports models from PyTorch with random weights, with inputs and onnxruntime's outputs
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

RELATIVE = 1e-5


def exported(folder):
    failures = 0
    for path in sorted(folder.glob("*.onnx")):
        onnx.checker.check_model(str(path), full_check=True)
        session = onnxruntime.InferenceSession(str(path))
        shapes = json.loads(path.with_suffix(".shape").read_text())
        types = {given.name: np.float32 if given.type == "tensor(float)" else np.int32 for given in session.get_inputs()}
        read = lambda i: np.fromfile(path.with_suffix(f".x{i}"), types.get(f"input{i}", np.float32)).reshape(shapes[i])
        # An input that nothing depends on is not in the file.
        inputs = {f"input{i}": read(i) for i in range(len(shapes)) if f"input{i}" in types}
        want = np.fromfile(path.with_suffix(".y"), np.float32)
        y = session.run(None, inputs)[0]
        error = np.abs(y.ravel() - want).max() / np.abs(want).max()
        batch = "fixed"
        if any(isinstance(given.shape[0], str) for given in session.get_inputs()):
            larger = {name: np.concatenate([x, x[:1], x]) for name, x in inputs.items()}
            more = session.run(None, larger)[0]
            error = max(error, np.abs(more[: len(y)] - y).max() / np.abs(want).max())
            batch = "any"
        failures += not error <= RELATIVE
        print(f"| {path.stem} | {batch} | {error:.1e} | {'ok' if error <= RELATIVE else 'FAILED'} |")
    sys.exit(failures > 0)


def make(folder):
    import torch
    import torchvision.models as tv
    import transformers as hf

    class Logits(torch.nn.Module):
        def __init__(self, inner, field):
            super().__init__()
            self.inner, self.field = inner, field

        def forward(self, x):
            return getattr(self.inner(x), self.field)

    torch.manual_seed(0)
    image = torch.randn(2, 3, 64, 64)
    large = torch.randn(1, 3, 224, 224)
    tokens = torch.randint(0, 99, (2, 8), dtype=torch.int32)
    names = """resnet18 resnet34 resnet50 resnext50_32x4d wide_resnet50_2 vgg11_bn alexnet squeezenet1_0
        squeezenet1_1 densenet121 mobilenet_v2 mobilenet_v3_small mobilenet_v3_large mnasnet0_5 mnasnet1_0
        shufflenet_v2_x0_5 shufflenet_v2_x1_0 efficientnet_b0 efficientnet_b1 efficientnet_v2_s regnet_x_400mf
        regnet_y_400mf convnext_tiny googlenet""".split()
    small = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
    plain = dict(attn_implementation="eager")

    def vision(name):
        options = dict(init_weights=False, aux_logits=False) if name == "googlenet" else {}
        return getattr(tv, name)(weights=None, num_classes=10, **options), large if name in ("alexnet", "vgg11_bn") else image

    makers = {name: lambda name=name: vision(name) for name in names}

    def vit():
        net = tv.VisionTransformer(64, 16, 2, 4, 32, 64, num_classes=10)
        torch.nn.init.normal_(net.heads.head.weight)  # torchvision's are zeros
        return net, image

    makers["vit"] = vit
    makers["bert"] = lambda: (Logits(hf.BertModel(hf.BertConfig(vocab_size=99, **small, **plain)), "last_hidden_state"), tokens)
    makers["gpt2"] = lambda: (
        Logits(hf.GPT2LMHeadModel(hf.GPT2Config(vocab_size=99, n_positions=16, n_embd=32, n_layer=2, n_head=4, use_cache=False, **plain)), "logits"),
        tokens,
    )
    makers["hf_vit"] = lambda: (
        Logits(hf.ViTForImageClassification(hf.ViTConfig(image_size=64, patch_size=16, **small, **plain)), "logits"),
        image,
    )

    class Sequences(torch.nn.Module):
        """Recurrent layers in both directions, and convolutions of sequences, there and back."""

        def __init__(self):
            super().__init__()
            self.lstm = torch.nn.LSTM(6, 5, num_layers=2, bidirectional=True, batch_first=True)
            self.gru = torch.nn.GRU(10, 4, bidirectional=True, batch_first=True)
            self.rnn = torch.nn.RNN(8, 7, nonlinearity="relu", batch_first=True)
            self.conv = torch.nn.Conv1d(7, 6, 3, stride=2, padding=1, groups=1)
            self.back = torch.nn.ConvTranspose1d(6, 4, 3, stride=2, padding=1, output_padding=1)

        def forward(self, x):
            x = self.rnn(self.gru(self.lstm(x)[0])[0])[0].transpose(1, 2)
            x = torch.nn.functional.max_pool1d(self.conv(x), 3, 1, 1)
            return torch.cumsum(self.back(x), 2).amax(1)

    class Planes(torch.nn.Module):
        """Transposed convolutions of planes, in groups, and norms of rows."""

        def __init__(self):
            super().__init__()
            self.down = torch.nn.Conv2d(3, 8, 3, stride=2, padding=1)
            self.up = torch.nn.ConvTranspose2d(8, 6, (3, 4), stride=(2, 3), padding=1, output_padding=(1, 0), groups=2)

        def forward(self, x):
            x = self.up(torch.relu(self.down(x)))
            return x / x.norm(dim=1, keepdim=True).clamp_min(1e-3) + x.amin((2, 3), keepdim=True)

    makers["sequences"] = lambda: (Sequences(), torch.randn(2, 8, 6))
    makers["planes"] = lambda: (Planes(), torch.randn(2, 3, 6, 8))
    for dynamo in (False, True):
        for name, maker in makers.items():
            path = folder / f"{name}{'_dynamo' if dynamo else ''}.onnx"
            if (dynamo and name not in ("resnet18", "vit", "bert", "gpt2", "hf_vit", "mobilenet_v2")) or path.with_suffix(".y").exists():
                continue
            try:
                net, x = maker()
                net.eval()
                with torch.no_grad():
                    torch.onnx.export(net, (x,), str(path), dynamo=dynamo, input_names=["input"], opset_version=18, external_data=False, verbose=False)
                y = onnxruntime.InferenceSession(str(path)).run(None, {"input": x.numpy()})[0]
                x.numpy().tofile(path.with_suffix(".x"))
                y.astype(np.float32).tofile(path.with_suffix(".y"))
                path.with_suffix(".shape").write_text(json.dumps(list(x.shape)))
                print(f"{path.stem}: {path.stat().st_size} bytes")
            except Exception as error:
                print(f"{path.stem}: not exported: {str(error)[:300]}")


if __name__ == "__main__":
    {"exported": exported, "make": make}[sys.argv[1]](Path(sys.argv[2]))
