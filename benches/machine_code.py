#!/usr/bin/env python3
"""machine_code.py ISA WGRAD [NETWORK ..]: what `wgrad shaders` becomes on AMD cards, as Markdown on standard output.

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


def dispatches(wgrad, network):
    command = [wgrad, "shaders", network, "--adapter", "amd", "--once"]
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


def main():
    isa, wgrad, networks = sys.argv[1], sys.argv[2], sys.argv[3:] or NETWORKS
    for network in networks:
        table(isa, network, dispatches(wgrad, network))


main()
