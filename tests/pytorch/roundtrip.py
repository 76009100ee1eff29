"""Weights and answers to and from PyTorch.

    python tests/pytorch/roundtrip.py write DIR     # PyTorch's weights, inputs and outputs
    WGRAD_ROUNDTRIP=DIR cargo test --test pytorch_weights -- --ignored
    python tests/pytorch/roundtrip.py check DIR     # wgrad's weights give PyTorch the same outputs

Needs torch and safetensors. What it printed is recorded in tests/pytorch/README.md.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F


class BasicBlock(nn.Module):
    """As torchvision's."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """torchvision's resnet18."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        widths = [64, 64, 128, 256, 512]
        for i in range(1, 5):
            stride = 1 if i == 1 else 2
            blocks = [BasicBlock(widths[i - 1], widths[i], stride), BasicBlock(widths[i], widths[i], 1)]
            setattr(self, f"layer{i}", nn.Sequential(*blocks))
        self.fc = nn.Linear(512, 1000)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x, causal):
        n, t, e = x.shape
        q, k, v = (p.view(n, t, self.heads, e // self.heads).transpose(1, 2) for p in self.qkv(x).chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return self.proj(y.transpose(1, 2).reshape(n, t, e))


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.ln2 = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, x, causal):
        x = x + self.attn(self.ln1(x), causal)
        return x + self.mlp(self.ln2(x))


class Gpt(nn.Module):
    def __init__(self, vocab=65, context=64, width=64, heads=4, depth=3):
        super().__init__()
        self.tok_emb = nn.Embedding(vocab, width)
        self.pos_emb = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.ln_f = nn.LayerNorm(width)

    def forward(self, tokens):
        x = self.tok_emb(tokens) + self.pos_emb(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x, True)
        return self.ln_f(x) @ self.tok_emb.weight.T


class Vit(nn.Module):
    def __init__(self, image=32, patch=4, width=48, heads=3, depth=3, classes=10):
        super().__init__()
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, 1 + (image // patch) ** 2, width))
        self.patch_embed = nn.Conv2d(3, width, patch, patch)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = self.patch_embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        for block in self.blocks:
            x = block(x, False)
        return self.head(self.norm(x[:, 0]))


class Lstm(nn.LSTM):
    def __init__(self):
        super().__init__(24, 32, num_layers=2, bidirectional=True)

    def forward(self, x):
        return super().forward(x)[0]


MODELS = {
    "resnet18": (ResNet18, lambda: torch.randn(2, 3, 64, 64)),
    "lstm": (Lstm, lambda: torch.randn(7, 3, 24)),
    "gpt": (Gpt, lambda: torch.randint(65, (2, 50))),
    "vit": (Vit, lambda: torch.randn(3, 3, 32, 32)),
}


def model(name):
    net = MODELS[name][0]()
    if name == "resnet18":
        # Running statistics that are not those of a new network.
        for _ in range(3):
            net(torch.randn(8, 3, 64, 64))
    return net.eval()


@torch.no_grad()
def write(directory):
    torch.manual_seed(0)
    directory.mkdir(parents=True, exist_ok=True)
    for name, (_, draw) in MODELS.items():
        net, x = model(name), draw()
        save_file({k: v.contiguous() for k, v in net.state_dict().items()}, directory / f"{name}.torch.safetensors")
        inputs = x.to(torch.int32) if x.dtype == torch.int64 else x
        save_file({"x": inputs, "y": net(x).contiguous()}, directory / f"{name}.torch.io.safetensors")
        print(f"{name}: written, {sum(p.numel() for p in net.parameters()):,} parameters")


@torch.no_grad()
def check(directory):
    for name in MODELS:
        net = model(name)
        net.load_state_dict(load_file(directory / f"{name}.wgrad.safetensors"), strict=True)
        io = load_file(directory / f"{name}.wgrad.io.safetensors")
        x = io["x"].long() if name == "gpt" else io["x"]
        y = net(x)
        error = (y - io["y"]).abs().max() / y.abs().max()
        print(f"{name}: largest difference {error:.1e} of the largest output")
        assert error < 1e-5, name


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](Path(sys.argv[2]))
