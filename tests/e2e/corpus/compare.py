#!/usr/bin/env python3
"""compare.py CASES REFERENCE.tar OWN.tar SINCE: images of two engines (docker save), file by file.

For each name of CASES (one a line) the image name:latest of both archives is compared: the
configuration, and each layer above the base: names, types, modes, owners, contents, links, extended
attributes, and times older than SINCE (younger ones are of the build itself). What is accepted as
different is in ACCEPTED below and in docs/builder.md; each use is counted and printed.
"""
import collections
import hashlib
import io
import json
import sys
import tarfile

FIELDS = ["User", "ExposedPorts", "Env", "Cmd", "Entrypoint", "Volumes", "WorkingDir", "Labels", "OnBuild", "Shell",
          "StopSignal", "Healthcheck"]
ACCEPTED = {
    "directory": "a directory that a layer lists without having changed it",
    "empty": "a layer without an entry",
    "dir-time": "the time of a directory",
    "whiteout": "the mode of a mark for what is gone",
    "mount": "an empty directory where BuildKit had mounted something for a RUN",
    "setuid": "setuid and setgid bits, which the classic builder drops when it copies (BuildKit keeps them)",
    "root": "WORKDIR / said or not said",
}
used = collections.Counter()


class Images:
    def __init__(self, path):
        self.tar = tarfile.open(path)
        manifest = json.load(self.tar.extractfile("manifest.json"))
        self.by_tag = {tag: entry for entry in manifest for tag in entry["RepoTags"] or []}
        self.layers = {}

    def config(self, name):
        return json.load(self.tar.extractfile(self.by_tag[name + ":latest"]["Config"]))

    def layer(self, path):
        if path not in self.layers:
            data = self.tar.extractfile(self.member(path)).read()
            self.layers[path] = read_layer(tarfile.open(fileobj=io.BytesIO(data)))
        return self.layers[path]

    def member(self, path):
        info = self.tar.getmember(path)
        return self.tar.getmember(info.linkname.replace("../", "")) if info.issym() else info

    def own_layers(self, name, below):
        return [self.layer(path) for path in self.by_tag[name + ":latest"]["Layers"][below:]]


def read_layer(tar):
    """name -> what it is; hard links as the set of names that share the file."""
    entries, groups = {}, {}
    for info in tar:
        name = info.name.removeprefix("./").strip("/")
        if not name:
            continue
        if info.islnk():
            target = info.linkname.removeprefix("./").strip("/")
            groups.setdefault(target, {target}).add(name)
            continue
        kind = "dir" if info.isdir() else "link" if info.issym() else "file" if info.isreg() else info.type.decode()
        content = hashlib.sha256(tar.extractfile(info).read()).hexdigest() if kind == "file" else ""
        xattrs = {key: value for key, value in info.pax_headers.items() if key.startswith("SCHILY.xattr.")
                  and "overlay" not in key}
        entries[name] = {"kind": kind, "mode": oct(info.mode & 0o7777) if kind != "link" else "", "uid": info.uid,
                         "gid": info.gid, "content": content, "target": info.linkname if kind == "link" else "",
                         "xattrs": xattrs, "time": int(info.mtime)}
    for target, names in groups.items():
        for name in names:
            entries[name] = {**entries[target], "shared": sorted(names)}
    return entries


def same_layer(case, number, reference, own, below, since):
    for name in sorted(reference.keys() | own.keys()):
        left, right = reference.get(name), own.get(name)
        if left is None or right is None:
            there = left or right
            before = below.get(name)
            if there["kind"] == "dir" and before and all(there[k] == before[k] for k in ("kind", "mode", "uid", "gid")):
                used["directory"] += 1
                continue
            only_dirs = all(e["kind"] == "dir" for n, e in reference.items() if n.startswith(name + "/") or n == name)
            if right is None and only_dirs and case.startswith(("mount-", "kit-")):
                used["mount"] += 1
                continue
            yield f"layer {number}: {name} is only in {'the reference' if right is None else 'ours'}: {there}"
            continue
        for key in sorted(left.keys() | right.keys()):
            if left.get(key) == right.get(key):
                continue
            if key == "mode" and not case.startswith(("kit-", "mount-")) and int(left[key] or "0", 8) == int(right[key] or "0", 8) & ~0o6000:
                used["setuid"] += 1
            elif key == "mode" and name.split("/")[-1].startswith(".wh."):
                used["whiteout"] += 1
            elif key == "time" and (left["kind"] == "dir" or name.split("/")[-1].startswith(".wh.")):
                used["dir-time"] += 1
            elif key == "time" and left["time"] >= since and right["time"] >= since:
                pass
            else:
                yield f"layer {number}: {name}: {key} is {right.get(key)!r}, the reference has {left.get(key)!r}"


def nothing_made(case, layer):
    return case.startswith("mount-") and all(entry["kind"] == "dir" for entry in layer.values())


def apply(tree, layer):
    for name in layer:
        folder, _, base = name.rpartition("/")
        if base.startswith(".wh."):
            gone = f"{folder}/{base[4:]}".strip("/")
            for known in [k for k in tree if k == gone or k.startswith(gone + "/")]:
                del tree[known]
    tree.update({name: entry for name, entry in layer.items() if "/.wh." not in "/" + name})


def differences(case, reference, own, base, since):
    left, right = reference.config(case), own.config(case)
    for field in FIELDS:
        a, b = left["config"].get(field) or None, right["config"].get(field) or None
        if field == "WorkingDir" and {a or "/", b or "/"} == {"/"}:
            used["root"] += a != b
        elif a != b:
            yield f"config.{field} is {b!r}, the reference has {a!r}"
    for field in ("architecture", "os", "author"):
        if (left.get(field) or "") != (right.get(field) or ""):
            yield f"{field} is {right.get(field)!r}, the reference has {left.get(field)!r}"
    below = 0
    ids = (left["rootfs"]["diff_ids"], right["rootfs"]["diff_ids"])
    while below < min(map(len, ids)) and ids[0][below] == ids[1][below] and ids[0][below] in base:
        below += 1
    tree = {}
    for path in reference.by_tag[case + ":latest"]["Layers"][:below]:
        apply(tree, reference.layer(path))
    layers = []
    for images in (reference, own):
        all_layers = images.own_layers(case, below)
        layers.append([layer for layer in all_layers if layer and not nothing_made(case, layer)])
        used["empty"] += len(all_layers) - len(layers[-1])
    if len(layers[0]) != len(layers[1]):
        yield f"{len(layers[1])} layers, the reference has {len(layers[0])}: {[sorted(x) for x in layers[1]]} and {[sorted(x) for x in layers[0]]}"
        return
    for number, (a, b) in enumerate(zip(*layers)):
        yield from same_layer(case, number, a, b, tree, since)
        apply(tree, a)


def main():
    names, reference, own, since = open(sys.argv[1]).read().split(), Images(sys.argv[2]), Images(sys.argv[3]), int(sys.argv[4])
    base = set(reference.config("busybox")["rootfs"]["diff_ids"])
    bad = 0
    for case in names:
        found = list(differences(case, reference, own, base, since))
        bad += bool(found)
        for text in found[:12]:
            print(f"   DIFFERENT: {case}: {text}")
    for key, count in sorted(used.items()):
        if count:
            print(f"   accepted {count} times: {ACCEPTED[key]}")
    print(f"   {len(names) - bad} of {len(names)} images are the same")
    sys.exit(1 if bad else 0)


main()
