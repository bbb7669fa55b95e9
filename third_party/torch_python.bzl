"""A Python that has torch, as an external repository.

`python3` is the machine's own where it has the torch of the pinned version and the safetensors of
the lock; else a virtual environment is made in the repository and filled by pip (torch_python.lock:
3 GB to download, 5 GB on disk). Only what is built with --config=parity asks for it.
"""

load(":libtorch.bzl", "TORCH_VERSION", "installed_torch")

_DOWNLOAD_SECONDS = 3600

_HAS_SAFETENSORS = "import numpy, safetensors; assert safetensors.__version__ == '0.8.0'"

_HELP = ("No Python with torch: run `python3 -m pip install torch==%s safetensors==0.8.0 numpy`, or let pip of a Python " +
         "3.11 reach a package index. It said: %s")

def _run(ctx, arguments):
    result = ctx.execute(["python3"] + arguments, timeout = _DOWNLOAD_SECONDS)
    if result.return_code != 0:
        fail(_HELP % (TORCH_VERSION, result.stderr[-2000:]))
    return result.stdout

def _torch_python_impl(ctx):
    if (installed_torch(ctx) and
        ctx.execute(["python3", "-c", _HAS_SAFETENSORS]).return_code == 0):
        python = _run(ctx, ["-c", "import sys; print(sys.executable, end='')"])
    else:
        _run(ctx, ["-m", "venv", "--without-pip", "venv"])
        python = str(ctx.path("venv/bin/python3"))
        _run(ctx, ["-m", "pip", "--python", python, "install", "--quiet", "--no-deps"] +
                  ["--require-hashes", "--only-binary=:all:", "--requirement", ctx.path(ctx.attr._lock)])

    # Not a link: what a virtual environment holds is found from where its python3 lies.
    ctx.file("python3", "#!/bin/sh\nexec '%s' -B \"$@\"\n" % python)
    ctx.file("BUILD", "exports_files([\"python3\"])\n")

torch_python_repository = repository_rule(
    implementation = _torch_python_impl,
    attrs = {"_lock": attr.label(default = "//third_party:torch_python.lock")},
)
