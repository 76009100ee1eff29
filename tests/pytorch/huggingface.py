"""Writes small models of Hugging Face with random weights, their outputs, and LoRA adapters of PEFT with gradients.

    pip install torch transformers peft
    python tests/pytorch/huggingface.py                 # writes crates/models/tests/fixtures/hf
    python tests/pytorch/huggingface.py check FOLDER    # compares what crates/models/tests/hf.rs saved under FOLDER

The second command is for folders that `WGRAD_KEEP=FOLDER cargo test -p wgrad-models --test hf` leaves: transformers and peft load them, and
parameters and outputs are equal to the bit.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
import transformers as t
from peft import LoraConfig, PeftModel, get_peft_model

HERE = Path(__file__).resolve().parents[2] / "crates/models/tests/fixtures/hf"

WORDS = dict(vocab_size=97, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48)
LLAMA = dict(**WORDS, num_key_value_heads=2, max_position_embeddings=64, pad_token_id=None, bos_token_id=1, eos_token_id=2)
SCALED = dict(rope_type="llama3", rope_theta=500.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=16)

MODELS = {
    "gpt2": lambda: t.GPT2LMHeadModel(t.GPT2Config(vocab_size=97, n_positions=32, n_embd=32, n_layer=2, n_head=4)),
    "llama": lambda: t.LlamaForCausalLM(t.LlamaConfig(**LLAMA, rope_parameters=SCALED)),
    "qwen2": lambda: t.Qwen2ForCausalLM(t.Qwen2Config(**LLAMA, tie_word_embeddings=True)),
    "bert": lambda: t.BertForMaskedLM(t.BertConfig(**WORDS, max_position_embeddings=32)),
    "bert_classifier": lambda: t.BertForSequenceClassification(t.BertConfig(**WORDS, max_position_embeddings=32, num_labels=3)),
    "distilbert": lambda: t.DistilBertForMaskedLM(
        t.DistilBertConfig(vocab_size=97, dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=32)),
    "distilbert_classifier": lambda: t.DistilBertForSequenceClassification(
        t.DistilBertConfig(vocab_size=97, dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=32)),
    "roberta": lambda: t.RobertaForMaskedLM(t.RobertaConfig(**WORDS, max_position_embeddings=34, type_vocab_size=1)),
    "roberta_classifier": lambda: t.RobertaForSequenceClassification(
        t.RobertaConfig(**WORDS, max_position_embeddings=34, type_vocab_size=1)),
    "vit": lambda: t.ViTForImageClassification(
        t.ViTConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, image_size=16, patch_size=4,
                    num_labels=5)),
    "resnet_basic": lambda: t.ResNetForImageClassification(
        t.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[2, 1], layer_type="basic", num_labels=5)),
    "resnet_bottleneck": lambda: t.ResNetForImageClassification(
        t.ResNetConfig(embedding_size=8, hidden_sizes=[32, 64], depths=[1, 2], layer_type="bottleneck", num_labels=5)),
}

#: Modules that get adapters.
ADAPTED = {"gpt2": ["c_attn", "c_proj"], "llama": ["q_proj", "v_proj"], "bert": ["query", "value"]}


def inputs(name):
    generator = torch.Generator().manual_seed(3)
    if name.startswith(("vit", "resnet")):
        size = 16 if name == "vit" else 32
        return {"pixel_values": torch.randn(2, 3, size, size, generator=generator)}
    # No token of these is the padding of a family.
    return {"input_ids": torch.randint(3, 97, (2, 9), generator=generator)}


def redraw(model):
    """Other values than the 0 and 1 of biases and norms."""
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            if tensor.dtype.is_floating_point:
                tensor.add_(torch.randn(tensor.shape) * 0.1)
            if key.endswith("running_var"):
                tensor.abs_().add_(0.5)
    return model.eval()


def plain(tensor):
    return {"shape": list(tensor.shape), "values": tensor.flatten().tolist()}


def adapt(name, model, x):
    config = LoraConfig(r=3, lora_alpha=7, target_modules=ADAPTED[name], fan_in_fan_out=name == "gpt2")
    peft = get_peft_model(model, config)
    with torch.no_grad():
        for key, tensor in peft.named_parameters():
            if "lora_B" in key:
                tensor.normal_(0, 0.1)
    logits = peft(**x).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), x["input_ids"].flatten())
    loss.backward()
    gradients = {}
    for key, tensor in peft.named_parameters():
        if tensor.requires_grad:
            gradients[key.removeprefix("base_model.model.").replace(".default", "")] = plain(tensor.grad)
    folder = HERE / name / "adapters"
    peft.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    return {"logits": plain(logits.detach()), "loss": loss.item(), "gradients": gradients}


def write():
    shutil.rmtree(HERE, ignore_errors=True)
    for name, make in MODELS.items():
        torch.manual_seed(0)
        model, x = redraw(make()), inputs(name)
        model.save_pretrained(HERE / name)
        for extra in ["generation_config.json"]:
            (HERE / name / extra).unlink(missing_ok=True)
        with torch.no_grad():
            expected = {"input": plain(next(iter(x.values()))), "logits": plain(model(**x).logits)}
        if name in ADAPTED:
            expected["adapted"] = adapt(name, model, x)
        (HERE / name / "expected.json").write_text(json.dumps(expected) + "\n")
    torch.manual_seed(0)
    # The same weights in several files, and as halves.
    sharded = redraw(MODELS["bert"]())
    sharded.save_pretrained(HERE / "bert_sharded", max_shard_size="40KB")
    shutil.copy(HERE / "bert/expected.json", HERE / "bert_sharded/expected.json")


def check(folder):
    for name, make in MODELS.items():
        kind = type(make())
        ours, theirs = kind.from_pretrained(folder / name).eval(), kind.from_pretrained(HERE / name).eval()
        found, wanted = ours.state_dict(), theirs.state_dict()
        assert found.keys() == wanted.keys(), name
        assert all(torch.equal(found[key], wanted[key]) for key in wanted), name
        x = inputs(name)
        with torch.no_grad():
            assert torch.equal(ours(**x).logits, theirs(**x).logits), name
            if name in ADAPTED:
                ours = PeftModel.from_pretrained(ours, folder / name / "adapters").eval()
                theirs = PeftModel.from_pretrained(theirs, HERE / name / "adapters").eval()
                found, wanted = ours.state_dict(), theirs.state_dict()
                assert found.keys() == wanted.keys(), name
                assert all(torch.equal(found[key], wanted[key]) for key in wanted), name
                assert torch.equal(ours(**x).logits, theirs(**x).logits), name
        print(f"{name}: equal")


if __name__ == "__main__":
    check(Path(sys.argv[2])) if sys.argv[1:2] == ["check"] else write()
