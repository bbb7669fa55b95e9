"""LibTorch, as an external repository.

Taken from the first of these that is there:
  1. $LIBTORCH: a folder with include/ and lib/ (an unpacked LibTorch, or site-packages/torch);
  2. the torch of the pinned version that python3 has;
  3. the pinned wheel, through pip: headers and CPU libraries only, about 520 MB on disk.
"""

load(":wheel.bzl", "WHEEL_ATTRS", "fetch_wheel")

TORCH_VERSION = "2.11.0"
_TORCH_WHEEL = "torch==2.11.0 --hash=sha256:7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a"

# libtorch_cpu.so of the wheel is linked with these two, GPU or not.
_CUDA_WHEELS = [
    "nvidia-cuda-runtime==13.0.96 --hash=sha256:7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
    "nvidia-cuda-cupti==13.0.85 --hash=sha256:4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
]
_PLATFORM = "manylinux_2_28_x86_64"
_CUDA_PLATFORMS = ["manylinux2014_x86_64", "manylinux_2_25_x86_64"]

# Not libtorch.so: it is empty and needs libtorch_cuda.so.
_LIBRARIES = ["libc10.so", "libtorch_cpu.so"]
_NEEDED = ["libgomp.so.1", "libcudart.so.13", "libcupti.so.13"]

_HELP = ("No LibTorch: set $LIBTORCH to a folder that holds LibTorch %s (include/ and lib/), or " +
         "run `python3 -m pip install torch==%s`, or let pip reach a package index; pip said: %s")

def installed_torch(ctx):
    """The folder of python3's torch where it has the pinned version, else ""."""
    result = ctx.execute(["python3", "-c", """
import importlib.metadata, importlib.util
if importlib.metadata.version("torch").partition("+")[0] == "%s":
    print(importlib.util.find_spec("torch").submodule_search_locations[0], end="")
""" % TORCH_VERSION])
    return result.stdout if result.return_code == 0 else ""

def _link(ctx, torch):
    """Links headers and libraries of the torch in the folder `torch`."""
    lib = torch.get_child("lib")
    missing = [name for name in _LIBRARIES if not lib.get_child(name).exists]
    if missing or not torch.get_child("include").exists:
        fail("%s holds no LibTorch: %s" % (torch, ", ".join(missing or ["include"])))
    ctx.symlink(torch.get_child("include"), "include")
    for name in _LIBRARIES:
        ctx.symlink(lib.get_child(name), "lib/" + name)

    # Beside the libraries, or in the wheels of their own that pip puts next to torch.
    for name in _NEEDED:
        found = ctx.execute(["find", "-L", lib, str(torch) + "/../nvidia", "-name", name])
        path = found.stdout.partition("\n")[0]
        if path:
            ctx.symlink(path, "lib/" + name)

def _download(ctx):
    problem = fetch_wheel(
        ctx,
        _TORCH_WHEEL,
        _PLATFORM,
        ["torch/include/"] + ["torch/lib/" + name for name in _LIBRARIES + ["libgomp.so.1"]],
    )
    for i in range(len(_CUDA_WHEELS)):
        if not problem:
            problem = fetch_wheel(
                ctx,
                _CUDA_WHEELS[i],
                _CUDA_PLATFORMS[i],
                ["nvidia/cu13/lib/" + name for name in _NEEDED],
            )
    if problem:
        fail(_HELP % (TORCH_VERSION, TORCH_VERSION, problem))
    _link(ctx, ctx.path("torch"))

def _libtorch_impl(ctx):
    given = ctx.os.environ.get("LIBTORCH", "")
    installed = "" if given else installed_torch(ctx)
    if given or installed:
        _link(ctx, ctx.path(given or installed))
    else:
        _download(ctx)
    ctx.symlink(ctx.attr._build_file, "BUILD")

libtorch_repository = repository_rule(
    implementation = _libtorch_impl,
    attrs = dict(WHEEL_ATTRS, _build_file = attr.label(default = "//third_party:libtorch.BUILD")),
    environ = ["LIBTORCH"],
)
