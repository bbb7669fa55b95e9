#!/usr/bin/python3
"""Revisions are built by their own ./bazelw, once each, and their programs kept."""

import contextlib
import os
import pathlib
import subprocess
import tempfile
import unittest

import revisions

# A build that makes programs of /bin/true, which say behind their end what they were made of.
BAZELW = """#!/bin/sh
echo "$@" >> "$BUILDS"
mkdir -p bazel-bin/bench
for program in fresh_load flat_load; do
  cat /bin/true version > bazel-bin/bench/$program
  chmod +x bazel-bin/bench/$program
done
"""


class RevisionsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.repository = pathlib.Path(folder.name, "repository")
        self.repository.mkdir()
        self.builds = pathlib.Path(folder.name, "builds")
        self.addCleanup(os.environ.update, dict(os.environ))
        # Nothing of who runs the test.
        os.environ.update(BUILDS=str(self.builds), GIT_CONFIG_GLOBAL="/dev/null",
                          GIT_CONFIG_SYSTEM="/dev/null", HOME=folder.name)
        self.git("init", "--quiet")
        (self.repository / "bazelw").write_text(BAZELW)
        (self.repository / "bazelw").chmod(0o755)
        (self.repository / ".gitignore").write_text("bazel-bin\n")
        for version in ("first", "second"):
            self.write(version)
            self.git("add", ".")
            self.git("-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", version)
        self.programs = revisions.Programs(self.repository, pathlib.Path(folder.name, "cache"))

    def git(self, *arguments):
        subprocess.run(["git", *arguments], cwd=self.repository, check=True)

    def write(self, version):
        (self.repository / "version").write_text(version)

    def built(self, revision):
        program = self.programs.of(revision) / "fresh_load"
        self.assertEqual(subprocess.run([program]).returncode, 0)
        return program.read_bytes()[len(pathlib.Path("/bin/true").read_bytes()):].decode()

    def test_each_is_built_from_its_own_tree(self):
        self.write("not committed")
        self.assertEqual(self.built("HEAD~1"), "first")
        self.assertEqual(self.built("HEAD"), "second")
        self.assertEqual(self.built("."), "not committed")
        self.assertEqual((self.repository / "version").read_text(), "not committed")

    def test_a_commit_is_built_once_and_the_working_tree_anew(self):
        for revision in ("HEAD", "HEAD", self.programs.commit("HEAD")):
            self.built(revision)
        self.assertEqual(len(self.builds.read_text().splitlines()), 1)
        for version in ("one", "other"):
            self.write(version)
            self.assertEqual(self.built("."), version)

    def test_what_is_no_revision_is_an_error(self):
        for wrong in ("no-such", "--help"):
            with self.assertRaises(subprocess.CalledProcessError), \
                    contextlib.redirect_stderr(None):
                self.programs.of(wrong)

    def test_libraries_of_the_system_need_no_path(self):
        self.assertEqual(revisions.libraries_of("/bin/true"), "")


if __name__ == "__main__":
    unittest.main()
