"""PyTorch's weights, inputs and outputs for tests/pytorch_weights.rs: writes tests/fixtures/pytorch.

    python tests/pytorch/roundtrip.py        # needs torch and safetensors
"""

import pathlib
import sys

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures/pytorch"


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


class ResNet8(nn.Module):
    """The CIFAR network of He et al. 2015 with one block a stage, and convolutions as shortcuts."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(BasicBlock(16, 16, 1))
        self.layer2 = nn.Sequential(BasicBlock(16, 32, 2))
        self.layer3 = nn.Sequential(BasicBlock(32, 64, 2))
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


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
    def __init__(self, vocab=65, context=24, width=32, heads=4, depth=2):
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
    def __init__(self, image=16, patch=4, width=32, heads=4, depth=2, classes=10):
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, width))
        self.pos_embed = nn.Parameter(torch.randn(1, 1 + (image // patch) ** 2, width))
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
        super().__init__(12, 16, num_layers=2, bidirectional=True)

    def forward(self, x):
        return super().forward(x)[0]


MODELS = {
    "resnet8": (ResNet8, lambda: torch.randn(2, 3, 16, 16)),
    "lstm": (Lstm, lambda: torch.randn(7, 3, 12)),
    "gpt": (Gpt, lambda: torch.randint(65, (2, 20), dtype=torch.int32)),
    "vit": (Vit, lambda: torch.randn(2, 3, 16, 16)),
}


def model(name):
    build, draw = MODELS[name]
    net = build()
    # Scales, shifts and running statistics other than a new network's 1, 0, 0 and 1.
    for module in net.modules():
        if isinstance(module, (nn.LayerNorm, nn.BatchNorm2d)):
            module.weight.normal_(1.0, 0.2)
            module.bias.normal_(0.0, 0.2)
    for _ in range(3):
        net(draw())
    return net.eval()


@torch.no_grad()
def write():
    torch.manual_seed(0)
    FIXTURES.mkdir(parents=True, exist_ok=True)
    io = {}
    for name, (_, draw) in MODELS.items():
        net, x = model(name), draw()
        save_file({key: value.contiguous() for key, value in net.state_dict().items()}, FIXTURES / f"{name}.safetensors")
        io |= {f"{name}.x": x, f"{name}.y": net(x).contiguous()}
        print(f"{name}: {sum(p.numel() for p in net.parameters()):,} parameters", file=sys.stderr)
    save_file(io, FIXTURES / "io.safetensors")


if __name__ == "__main__":
    write()
