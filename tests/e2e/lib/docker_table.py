"""The table of docs/docker.md: every command and flag of the installed docker CLIs, each probed.

Commands and flags are read from the CLIs' own --help; each has a probe in tests/e2e/docker_table.d, a
line of shell that proves its effect and says what came of it (words.sh there). A flag without a probe
fails the run. Prints what differs from the committed page; with ACCEPT=1 it writes the page instead.
Run by tests/e2e/docker_table, inside a box with a Slipway that has the images and containers of the set-up.
  docker_table.py PAGE PROBES-FOLDER [WORD...]     WORD: only the commands of these names (for trying)
"""
import collections
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import time

PAGE, PROBES, ONLY = sys.argv[1], sys.argv[2], sys.argv[3:]
GROUPS = ["swarm", "node", "service", "stack", "secret", "config", "plugin", "checkpoint", "context", "manifest", "trust", "completion"]
SHORT = {"container ls": "ps", "image ls": "images", "image rm": "rmi", "builder build": "build"}
AT_ONCE, SECONDS = 4, 30
Row = collections.namedtuple("Row", "command flag cli")  # flag "=": the command itself; "*": a group's command


def clis():
    """[(version, path)], newest first: each docker in PATH once."""
    found = {}
    for folder in os.environ["PATH"].split(":"):
        path = os.path.realpath(os.path.join(folder, "docker"))
        if os.access(path, os.X_OK) and path not in found.values():
            out = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
            match = re.search(r"version (\d+)\.(\d+)", out)
            if match:
                found.setdefault((int(match[1]), int(match[2])), path)
    return sorted(found.items(), reverse=True)


def usage(cli, words):
    # Without an engine: a CLI hides what the engine's API version lacks.
    env = {"PATH": os.environ["PATH"], "HOME": "/tmp/none", "DOCKER_BUILDKIT": "0", "DOCKER_HOST": "unix:///none"}
    return subprocess.run([cli, *words, "--help"], capture_output=True, text=True, env=env).stdout


def subcommands(text):
    out, inside = [], False
    for line in text.splitlines():
        if re.match(r".*Commands:$", line):
            inside = True
        elif line.strip() and not line.startswith("  "):
            inside = False
        elif inside and (match := re.match(r"^  ([a-z]+)\*?\s", line)):
            out.append(match[1])
    return list(dict.fromkeys(out))


def flags_of(text):
    return re.findall(r"^\s+(?:-\w, )?\s*(--[\w-]+)", text, re.M)


def enumerate_cli(cli):
    """{command: (flags, other names)}; a group's commands stand under the group as {"group sub": ...}."""
    out, top = {}, subcommands(usage(cli, []))
    for command in top:
        text = usage(cli, [command])
        subs = subcommands(text)
        for sub in subs or [""]:
            full = f"{command} {sub}".strip()
            name = full
            if subs and command not in GROUPS:
                short = command in ("container", "image", "system") and sub in top and sub != "inspect"
                name = SHORT.get(full, sub if short else full)
            flags, names = out.setdefault(name, ([], []))
            flags += [f for f in flags_of(usage(cli, full.split())) if f not in flags]
            if full != name:
                names.append(full)
    return out


def read_probes():
    """({(command, flag): shell}, commands that need the engine for themselves)"""
    probes, alone = {}, set()
    for name in sorted(os.listdir(PROBES)):
        if not name.endswith(".probes"):
            continue
        commands, keys = [], []
        for number, line in enumerate(open(os.path.join(PROBES, name)), 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            if match := re.match(r"^\[(.*)\]( alone)?$", line):
                commands = match[1].split(", ")
                alone.update(commands if match[2] else [])
            elif match := re.match(r"^((?:=|\*|--[\w-]+)(?: --[\w-]+)*): (.*)$", line):
                keys = [(c, f) for c in commands for f in match[1].split() if (c, f) not in probes]
                for key in keys:
                    probes[key] = match[2]
            elif line.startswith(" "):
                for key in keys:
                    probes[key] += "\n" + line.strip()
            else:
                sys.exit(f"{name}:{number}: neither a section nor a probe: {line}")
    return probes, alone


def one(row, shell, number):
    """Runs one probe: (mark, note)."""
    folder = f"/tmp/probe/{number}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    name = "t" + re.sub(r"[^a-z0-9]+", "-", f"{row.command}{row.flag.replace('=', '')}") + f"-{number}"
    env = dict(os.environ, cmd=row.command, N=name, T=folder, DOCKER_CLI_HINTS="false")
    env["PATH"] = f"/tmp/cli/{row.cli}:" + env["PATH"]
    script = f". '{PROBES}/words.sh'\n{shell}\n"
    log = os.path.join(folder, "log")  # a file: a pipe would wait for whatever a probe leaves in the background
    started = time.monotonic()
    with open(log, "w") as out:
        process = subprocess.Popen(["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env,
                                   cwd=folder, start_new_session=True)
        try:
            code = process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            out.write(f"\nnot done within {SECONDS} s\n")
            code = 1
    seconds = time.monotonic() - started
    if seconds > 8:
        print(f"   slow: {row.command} {row.flag}: {seconds:.0f} s", flush=True)
    output = open(log, errors="replace").read()
    lines = [line for line in output.splitlines() if line.strip() and not re.match(r"See 'docker|Run 'docker", line)]
    outcome = os.path.join(folder, "outcome")
    if code == 0 and os.path.exists(outcome):
        mark, note = open(outcome).read().strip().split(": ", 1)
    elif code == 0:
        mark, note = "works", ""
    else:
        mark, note = "not", re.sub(r"\b[0-9a-f]{12,64}\b", "ID", lines[-1].strip() if lines else f"exit code {code}")
        note = note.replace(name, "NAME").replace(folder, "DIR")[:200].replace("|", "\\|")
    subprocess.run(["docker", "rm", "-f", "-v", name], capture_output=True)
    return mark, note, code


def rows_of(listed, probes):
    """Every (command, flag) of every CLI once, with the newest CLI that has it; and what has no probe."""
    rows, missing = {}, []
    for (major, minor), commands in listed:
        for command, (flags, _) in commands.items():
            group = command.split()[0]
            if group in GROUPS:
                rows.setdefault((group, "*"), Row(group, "*", f"{major}.{minor}"))
                continue
            for flag in ["=", *flags]:
                if (command, flag) in probes:
                    rows.setdefault((command, flag), Row(command, flag, f"{major}.{minor}"))
                else:
                    missing.append(f"{command} {flag}")
    missing += [f"{g} *" for g, f in rows if f == "*" and (g, "*") not in probes]
    return list(rows.values()), sorted(set(missing))


def run_all(rows, probes, alone):
    results = {}

    def run(number_row):
        number, row = number_row
        mark, note, code = one(row, probes[row.command, row.flag], number)
        return row, (mark, note, code)

    numbered = list(enumerate(rows))
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        results.update(pool.map(run, [(n, r) for n, r in numbered if r.command not in alone]))
    again = [(n + 5000, r) for n, r in numbered if r in results and results[r][2] != 0]  # the machine is shared
    results.update(map(run, again))
    for n, r in numbered:
        if r.command in alone:
            results.update([run((n, r))])
    return results


HEAD = """# What works of the docker CLI

Every command and flag of the docker CLI that touches the engine. The page is written by a test run, `ACCEPT=1
tests/e2e/docker_table`, and not by hand: a flag is *works* when its probe (tests/e2e/docker_table.d) saw its effect. Without
ACCEPT the same script, a part of `./test`, compares a fresh run with this page. The flags are those that the CLIs themselves
list ({clis}).

| mark | meaning | how many |
| --- | --- | --- |
| works | as with Docker Engine | {works} |
| partly | works for what the note says; the rest is refused in clear words | {partly} |
| client | the flag never reaches an engine | {client} |
| **not** | refused in clear words; the note says why | {no} |

Compose, docker-py and testcontainers-style clients are tested by `tests/e2e/compose` and `tests/e2e/docker_py`.
"""


def page(listed, results):
    marks = collections.Counter(mark for mark, _, _ in results.values())
    out = [HEAD.format(clis=", ".join(f"{a}.{b}" for (a, b), _ in listed), works=marks["works"], partly=marks["partly"],
                       client=marks["client"], no=marks["not"])]
    by_command = collections.defaultdict(dict)
    for row, (mark, note, _) in results.items():
        by_command[row.command][row.flag] = (mark, note)
    merged = collections.defaultdict(lambda: ([], []))
    for _, commands in listed:
        for command, (flags, names) in commands.items():
            merged[command][0].extend(f for f in flags if f not in merged[command][0])
            merged[command][1].extend(n for n in names if n not in merged[command][1])
    show = {"not": "**not**"}
    for command in sorted(c for c in by_command if c not in GROUPS):
        names = "".join(f", `docker {n}`" for n in merged[command][1])
        out.append(f"## `docker {command}`{names}\n\n| | | |\n| --- | --- | --- |")
        for flag, (mark, note) in sorted(by_command[command].items()):
            out.append(f"| {'the command' if flag == '=' else '`' + flag + '`'} | {show.get(mark, mark)} | {note} |")
        out.append("")
    out.append("## Commands about something else\n\n| command | its flags | | |\n| --- | --- | --- | --- |")
    for command in sorted(c for c in merged if c.split()[0] in GROUPS and c.split()[0] in by_command):
        mark, note = by_command[command.split()[0]]["*"]
        out.append(f"| `docker {command}` | {' '.join(f'`{f}`' for f in merged[command][0])} | {show.get(mark, mark)} | {note} |")
    return "\n".join(out) + "\n"


def committed():
    """{(command, flag): mark} of the page."""
    out, command = {}, ""
    for line in open(PAGE) if os.path.exists(PAGE) else []:
        if match := re.match(r"^## `docker ([^`]+)`", line):
            command = match[1]
        elif match := re.match(r"^\| (the command|`(--[\w-]+)`) \| \**(\w+)\** \|", line):
            out[command, match[2] or "="] = match[3]
        elif match := re.match(r"^\| `docker (\w+)[^`]*` \|.*\| \**(works|partly|client|not)\** \| [^|]* \|$", line):
            out[match[1], "*"] = match[2]
    return out


def main():
    installed = clis()
    for (major, minor), path in installed:
        os.makedirs(f"/tmp/cli/{major}.{minor}", exist_ok=True)
        os.symlink(path, f"/tmp/cli/{major}.{minor}/docker")
    probes, alone = read_probes()
    listed = [(version, enumerate_cli(path)) for version, path in installed]
    rows, missing = rows_of(listed, probes)
    if ONLY:
        rows = [r for r in rows if r.command in ONLY or f"{r.command} {r.flag}" in ONLY]
        results = run_all(rows, probes, alone)
        for row, (mark, note, code) in results.items():
            print(f"{mark:8}{row.command} {row.flag}  {note}{'' if code == 0 else '   <- failed'}")
        sys.exit(0)
    for name in missing:
        print(f"   FAILED: no probe for: docker {name}")
    results = run_all(rows, probes, alone)
    if os.environ.get("ACCEPT"):
        open(PAGE, "w").write(page(listed, results))
    known, wrong = committed(), len(missing)
    for row, (mark, note, code) in results.items():
        if code != 0:
            print(f"   not: docker {row.command} {row.flag}: {note}")
        if known.get((row.command, row.flag)) != mark:
            print(f"   FAILED: docker {row.command} {row.flag}: {mark} ({note}), the page says {known.get((row.command, row.flag))}")
            wrong += 1
    marks = collections.Counter(mark for mark, _, _ in results.values())
    print(f"   {len(results)} commands and flags probed: " + ", ".join(f"{n} {m}" for m, n in marks.most_common()))
    sys.exit(1 if wrong else 0)


main()
