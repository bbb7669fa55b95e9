"""The Python packages that //bench:malformed compares hardload with, beside torch and safetensors.

pip puts them into the folder `packages` (malformed_peers.lock). Only //bench:malformed asks for it.
"""

_DOWNLOAD_SECONDS = 600

def _malformed_peers_impl(ctx):
    result = ctx.execute(
        ["python3", "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"] +
        ["--disable-pip-version-check", "--require-hashes", "--only-binary=:all:"] +
        ["--target", "packages", "--requirement", ctx.path(ctx.attr._lock)],
        timeout = _DOWNLOAD_SECONDS,
    )
    if result.return_code != 0:
        fail("No peers: let pip reach a package index; it said: " + result.stderr[-2000:])
    ctx.file("BUILD", """
filegroup(
    name = "packages",
    srcs = glob(["packages/**"], exclude = ["packages/bin/**", "**/* *"]),
    visibility = ["//visibility:public"],
)
""")

malformed_peers_repository = repository_rule(
    implementation = _malformed_peers_impl,
    attrs = {"_lock": attr.label(default = "//third_party:malformed_peers.lock")},
)
