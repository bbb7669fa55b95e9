"""Builds the benchmark programs of revisions, and keeps them.

    programs = Programs(repository, cache).of("HEAD~1")      # of ".": what lies in the repository
    subprocess.run([programs / "fresh_load", ...], env=programs_environment(programs))

All revisions are built in one worktree below the cache, one after the other, by their own
./bazelw: what they share is built once. The programs are copied out of it to cache/programs/COMMIT.
"""

import os
import pathlib
import re
import shutil
import subprocess

PROGRAMS = ["fresh_load", "flat_load"]


class Programs:
    def __init__(self, repository, cache):
        self.repository, self.cache = pathlib.Path(repository), pathlib.Path(cache)

    def commit(self, revision):
        return self._git("rev-parse", "--verify", revision + "^{commit}")

    def of(self, revision):
        """The folder with the programs of the revision."""
        if revision == ".":
            return self._build(self.repository, self.cache / "programs" / "working-tree")
        commit = self.commit(revision)
        target = self.cache / "programs" / commit
        if not target.exists():
            self._build(self._checked_out(commit), target)
        return target

    def _checked_out(self, commit):
        tree = self.cache / "tree"
        if (tree / ".git").exists():
            self._git("checkout", "--quiet", "--force", "--detach", commit, at=tree)
        else:
            self._git("worktree", "prune")
            self._git("worktree", "add", "--quiet", "--detach", str(tree), commit)
        return tree

    def _build(self, tree, target):
        targets = [f"//bench:{program}" for program in PROGRAMS]
        subprocess.run(["./bazelw", "build", "--noshow_progress", *targets], cwd=tree, check=True)
        partial = target.with_name(target.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for program in PROGRAMS:
            built = tree / "bazel-bin/bench" / program
            shutil.copy(built, partial / program)
        # They look for LibTorch from where they were built.
        (partial / "libraries").write_text(libraries_of(built))
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
        return target

    def _git(self, *arguments, at=None):
        done = subprocess.run(["git", *arguments], cwd=at or self.repository, check=True,
                              stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()


def libraries_of(program):
    """The folders of the shared libraries that are not the system's."""
    shown = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    folders = []
    for path in re.findall(r"=> (/\S+)", shown):
        folder = os.path.dirname(os.path.realpath(path))
        if not folder.startswith(("/usr/lib", "/lib")) and folder not in folders:
            folders.append(folder)
    return ":".join(folders)


def environment(programs):
    """That in which the programs of this folder run."""
    return os.environ | {"LD_LIBRARY_PATH": (programs / "libraries").read_text()}
