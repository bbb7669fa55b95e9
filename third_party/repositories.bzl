"""What hardload takes from elsewhere, for its own WORKSPACE and for those of its users."""

load(":bazel_stubs.bzl", "bazel_stubs")
load(":libtorch.bzl", "libtorch_repository")

def hardload_repositories():
    """Declares each repository that the WORKSPACE has not declared before."""
    if not native.existing_rule("libtorch"):
        libtorch_repository(name = "libtorch")
    bazel_stubs()
