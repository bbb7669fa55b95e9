#!/usr/bin/python3
"""Plants each slowdown of this folder and tells whether //bench:gate, or //bench:compare, catches it.

usage: bench/planted_slowdowns/prove.py check              only whether each still applies
       bench/planted_slowdowns/prove.py gate [NAME...]     two minutes each, and the build
       bench/planted_slowdowns/prove.py compare [NAME...]  the same; of the case that ought to show it

A slowdown is a patch; the lines in front of it say what it does. It is planted in a worktree of
HEAD below the cache. Fails where one is not caught.
"""

import argparse
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
COMMANDS = {
    "gate": ["./bazelw", "test", "--noshow_progress", "--test_output=errors", "//bench:gate"],
    "compare": ["./bazelw", "run", "--noshow_progress", "//bench:compare", "--", "HEAD", "."],
}
# Of compare.py, by the beginnings of the slowdowns' names.
CASES = {
    "crc_twice": "load",
    "extra_copy": "load, no CRC",
    "no_huge_pages": "load, no CRC",
    "quadratic_lookup": "load_state_dict",
    "system_call_per_tensor": "load of small tensors",
}
CAUGHT = {"gate": 3, "compare": 1}  # the exit status: Bazel's for a failed test, compare.py's


def git(*arguments, at=ROOT):
    return subprocess.run(["git", *arguments], cwd=at, check=True, capture_output=True,
                          text=True).stdout.strip()


def worktree(cache):
    tree = cache / "planted"  # compare.py builds in cache/tree
    head = git("rev-parse", "HEAD")
    if (tree / ".git").exists():
        git("checkout", "--quiet", "--force", "--detach", head, at=tree)
    else:
        git("worktree", "prune")
        git("worktree", "add", "--quiet", "--detach", str(tree), head)
    return tree


def prove(patch, command, tree):
    """Whether it was caught, and by what."""
    arguments = list(COMMANDS[command])
    if command == "compare":
        arguments += ["--case", CASES[patch.stem.removesuffix("_small")]]
    git("apply", str(patch), at=tree)
    try:
        done = subprocess.run(arguments, cwd=tree, capture_output=True, text=True)
    finally:
        git("checkout", "--quiet", "--force", "HEAD", "--", ".", at=tree)
    text = done.stdout + done.stderr
    losses = re.findall(r"^.*: a loss$", text, re.MULTILINE) if command == "gate" else \
        re.findall(r"^.*  loss$", text, re.MULTILINE)
    if done.returncode not in (0, CAUGHT[command]) or bool(losses) != (done.returncode != 0):
        sys.exit(f"{patch.name}: {' '.join(arguments)} ended with {done.returncode}\n{text}")
    if command == "compare" and not losses:
        print(done.stdout)
    return losses


def main():
    parser = argparse.ArgumentParser(prog="prove", description=__doc__.partition("\n")[0])
    parser.add_argument("command", choices=["check", *COMMANDS])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--cache", type=pathlib.Path,
                        default=pathlib.Path.home() / ".cache/hardload-compare")
    options = parser.parse_intermixed_args()
    patches = [patch for patch in sorted(HERE.glob("*.patch"))
               if not options.names or patch.stem in options.names]
    if not patches:
        parser.error(f"there is no slowdown of the names {options.names}")
    if options.command == "check":
        for patch in patches:
            git("apply", "--check", str(patch))
        print(f"{len(patches)} slowdowns apply")
        return
    tree = worktree(options.cache)
    missed = []
    for patch in patches:
        losses = prove(patch, options.command, tree)
        print(f"{patch.stem}: {'caught' if losses else 'NOT CAUGHT'} by {options.command}",
              flush=True)
        for line in losses:
            print(f"    {line.strip()}", flush=True)
        if not losses:
            missed.append(patch.stem)
    print(f"{len(patches) - len(missed)} of {len(patches)} are caught by {options.command}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
