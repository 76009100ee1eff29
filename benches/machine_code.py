#!/usr/bin/env python3
"""machine_code.py ISA WGRAD [NETWORK|NETWORK:f16|MxNxK ..]: what `wgrad shaders` becomes on AMD cards, as Markdown on standard output. Products
MxNxK are of f16, in all variants; of NETWORK:f16, the convolutions by cooperative matrices are shown.

ISA is a program that compiles WGSL for a card that is not there: it gets `--family F FILE` and prints a line of JSON for every
line of the file, with the driver's statistics. WGRAD is the program wgrad. Shaders are counted once; `n` is how often a step dispatches them.
"""
import json
import math
import re
import subprocess
import sys
import tempfile

FAMILIES = ["navi21", "navi31"]
NETWORKS = ["resnet20", "gpt-mini", "lstm", "resnet50", "gpt-2"]
HALVES = ["resnet50:f16", "resnet20:f16"]
PRODUCTS = ["4096x4096x4096", "4000x4001x4003"]

# Cycles of a SIMD for v_wmma_f32_16x16x16_f16: 8192 operations at 256 a cycle, as AMD's matrix calculator has it for RDNA3. The other
# instructions of a wave of 64 take two, or one if they could be paired.
WMMA = 32


def dispatches(wgrad, network, *options):
    command = [wgrad, "shaders", network, "--adapter", "amd", "--once", *options]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def compiled(isa, family, lines):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
        file.flush()
        out = subprocess.run([isa, "--family", family, file.name], check=True, capture_output=True, text=True)
    return [json.loads(line)["isa"] for line in out.stdout.splitlines() if line.startswith("{")]


def shape(line):
    text = re.sub(r"Prologue \{.*?layouts: (\[\[.*?\]\]).*?\}", r"computed \1", line["shape"])
    text = re.sub(r"(problem: Problem \{ )(queries: \d+, keys: \d+, features: \d+).*", r"\2", text)
    return text if len(text) < 60 else text[:57] + "..."


def table(isa, network, lines):
    every = sum(line["dispatches"] for line in lines)
    few = sum(line["dispatches"] for line in lines if math.prod(line["workgroups"]) <= 8)
    moved = sum(line["bytes"] * line["dispatches"] for line in lines if line["stage"] == 0) / 1e6
    print(f"\n## {network}\n\n{every} dispatches, {few} of them of at most 8 workgroups; {moved:.0f} MB\n")
    stats = {family: compiled(isa, family, lines) for family in FAMILIES}
    print("| kernel | shape | variant | n | workgroups x invocations |", *(f" {f}: registers, spilled, waves, FMA, peak % |" for f in FAMILIES), sep="")
    print("|---|---|---|---|---|" + "---|" * len(FAMILIES))
    for i, line in enumerate(lines):
        size = math.prod(stats[FAMILIES[0]][i]["workgroup"])
        cells = [line["kernel"] + (f" ({line['stage'] + 1})" if line["stages"] > 1 else ""), shape(line), line["variant"], line["dispatches"]]
        cells.append(f"{math.prod(line['workgroups'])} x {size}")
        for family in FAMILIES:
            s, outer = stats[family][i]["statistics"], stats[family][i].get("outer") or {}
            spilled = s["Spilled VGPRs"] + s["Spilled SGPRs"]
            fma, peak = outer.get("fma_share", 0), 100 * outer.get("peak", 0)
            cells.append(f"{s['VGPRs']:.0f}, {spilled:.0f}, {s['Subgroups per SIMD'] / (stats[family][i]['wave'] / 32):.0f}, {fma:.2f}, {peak:.0f}")
        print("| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |")


def matrices(stats):
    """Cells of a shader by cooperative matrices: everything is counted in the loop with the matrix instructions, for one wave."""
    s, loop = stats["statistics"], stats["inner"]
    one = 2 if stats["wave"] == 64 else 1
    cycles = [loop["cycles"]["valu"] + loop["wmma"] * (WMMA - one), loop["cycles"]["lds"], loop["cycles"]["vmem"]]
    cells = [f"{s['VGPRs']:.0f}, {s['Spilled VGPRs'] + s['Spilled SGPRs']:.0f}, {s['Subgroups per SIMD'] / (stats['wave'] / 32):.0f}"]
    # The loop that was taken for the hottest one is another.
    if not loop["wmma"]:
        return cells + ["", "", ""]
    cells.append(f"{loop['wmma']:.0f}, {loop['issued']:.0f}")
    return cells + [", ".join(f"{c:.0f}" for c in cycles), f"{100 * loop['wmma'] * WMMA / max(cycles):.0f}"]


COUNTED = "registers, spilled, waves | v_wmma, issued | cycles: vector, workgroup memory, L0 | peak % |"


def products(isa, wgrad, sizes):
    print(f"\n## Half precision\n\n| product | variant | workgroups x invocations | {COUNTED}\n|---|---|---|---|---|---|---|")
    for size in sizes:
        command = [wgrad, "shaders", size, "--adapter", "amd", "--precision", "f16", "--variants"]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        lines = [line for line in map(json.loads, out.splitlines()) if line["stage"] == 0]
        for line, stats in zip(lines, compiled(isa, "navi31", lines)):
            cells = [line["shape"].split(", argument")[0], line["variant"], f"{math.prod(line['workgroups'])} x {math.prod(stats['workgroup'])}"]
            print("| " + " | ".join(cells + matrices(stats)) + " |")


def convolutions(isa, wgrad, network):
    lines = [line for line in dispatches(wgrad, network, "--precision", "f16") if line["kernel"].startswith("conv2d")]
    work = {True: 0, False: 0}
    print(f"\n### Convolutions of {network}\n\n| kernel | shape | tile, a subgroup's part | n | workgroups x invocations | {COUNTED}\n|---|---|---|---|---|---|---|---|---|")
    for line, stats in zip(lines, compiled(isa, "navi31", lines)):
        cooperative = "enable wgpu_cooperative_matrix" in line["source"]
        if line["stage"] == 0:
            work[cooperative] += line["flops"] * line["dispatches"]
        if not cooperative:
            continue
        [rows, cols, *part] = [re.search(rf"const {name}: u32\s*= u32\((\d+)\)", line["source"])[1] for name in ["ROWS", "COLS", "PART_ROWS", "PART_COLS"]]
        name = line["kernel"] + (f" ({line['stage'] + 1})" if line["stages"] > 1 else "")
        cells = [name, line["shape"].split(", argument")[0], f"{rows} x {cols}, {part[0]} x {part[1]}", str(line["dispatches"])]
        cells.append(f"{math.prod(line['workgroups'])} x {math.prod(stats['workgroup'])}")
        print("| " + " | ".join(cells + matrices(stats)) + " |")
    print(f"\n{100 * work[True] / sum(work.values()):.0f} % of the convolutions' multiply-adds.")


def main():
    isa, wgrad, what = sys.argv[1], sys.argv[2], sys.argv[3:] or PRODUCTS + HALVES + NETWORKS
    product = re.compile(r"\d+x\d+x\d+")
    if sizes := [name for name in what if product.fullmatch(name)]:
        products(isa, wgrad, sizes)
    for network in what:
        if network.endswith(":f16"):
            convolutions(isa, wgrad, network.removesuffix(":f16"))
        elif network not in sizes:
            table(isa, network, dispatches(wgrad, network))


main()
