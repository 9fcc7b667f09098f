"""What `cargo deny check licenses bans sources` finds in the crates that are compiled into the program, by cargo's own
metadata. Reads of deny.toml only what stands in ours, and refuses what it does not know."""

import json
import re
import subprocess
import sys
import tomllib

KNOWN = {
    "graph": {"targets"},
    "licenses": {"allow"},
    "bans": {"multiple-versions", "wildcards", "deny", "skip-tree"},
    "sources": {"unknown-registry", "unknown-git"},
    "advisories": {"yanked", "ignore"},
}


def is_allowed(expression, allowed):
    """An SPDX licence expression: https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/"""
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def one():
        word = words.pop(0)
        if word == "(":
            good = either()
            words.pop(0)
            return good
        if words[:1] == ["WITH"]:
            word = " ".join([word, words.pop(0), words.pop(0)])
        return word in allowed

    def both():
        good = one()
        while words[:1] == ["AND"]:
            words.pop(0)
            good &= one()
        return good

    def either():
        good = both()
        while words[:1] == ["OR"]:
            words.pop(0)
            good |= both()
        return good

    return either()


def reached(nodes, root):
    """The crates below `root`, without what only tests need."""
    seen, waiting = set(), [root]
    while waiting:
        at = waiting.pop()
        if at not in seen:
            seen.add(at)
            needs = (need for need in nodes[at]["deps"] if any(kind["kind"] != "dev" for kind in need["dep_kinds"]))
            waiting.extend(need["pkg"] for need in needs)
    return seen


def faults(rules, target):
    """Sentences about what is not as it should be."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    ours = metadata["resolve"]["root"]
    built = reached(nodes, ours)
    skipped = {entry["crate"] for entry in rules["bans"]["skip-tree"]}
    unchecked = set().union(*(reached(nodes, id) for id in built if packages[id]["name"] in skipped))
    banned = {entry["crate"]: entry["reason"] for entry in rules["bans"]["deny"]}
    versions = {}
    for id in sorted(built):
        package = packages[id]
        name = f"{package['name']} {package['version']}"
        licence = package["license"] or "no licence"
        if not is_allowed(licence, rules["licenses"]["allow"]):
            yield f"licenses: {name} is under {licence}"
        if package["name"] in banned:
            yield f"bans: {name}: {banned[package['name']]}"
        source = package["source"] or package["manifest_path"]
        if id != ours and not (source.startswith("registry+") and source.endswith("/crates.io-index")):
            yield f"sources: {name} comes from {source}"
        if id not in unchecked:
            versions.setdefault(package["name"], set()).add(package["version"])
    for name, several in versions.items():
        if len(several) > 1:
            yield f"bans: several versions of {name}: {', '.join(sorted(several))}"
    for need in packages[ours]["dependencies"]:
        if need["req"] == "*":
            yield f"bans: any version of {need['name']} would do"


def main():
    with open("deny.toml", "rb") as file:
        rules = tomllib.load(file)
    found = [
        f"deny.toml: {section}.{key} is not known here"
        for section, keys in rules.items()
        for key in keys
        if key not in KNOWN.get(section, set())
    ]
    for target in rules["graph"]["targets"] if not found else []:
        found.extend(f"{fault} ({target})" for fault in faults(rules, target))
    print("\n".join(found) or "licenses, bans, sources: good")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
