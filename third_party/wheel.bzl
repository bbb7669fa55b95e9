"""Parts of a pinned wheel of the Python package index, fetched through pip and checked by hash."""

# What the wheels need is a download of up to half a gigabyte.
_DOWNLOAD_SECONDS = 3600

def fetch_wheel(ctx, requirement, platform, prefixes, out = "."):
    """Unpacks part of a wheel into the repository being made.

    Args:
      ctx: of the repository rule, which has to have the attribute WHEEL_ATTRS.
      requirement: "name==version --hash=sha256:...".
      platform: pip's name of the platform the wheel is for.
      prefixes: of the paths in the wheel that are wanted.
      out: the folder to unpack into.

    Returns:
      "" where it worked, else why it did not.
    """
    ctx.file("requirements.txt", requirement + "\n")
    result = ctx.execute(
        ["python3", ctx.path(ctx.attr._wheel_py), "requirements.txt", out, platform] + prefixes,
        timeout = _DOWNLOAD_SECONDS,
    )
    return "" if result.return_code == 0 else result.stderr[-2000:]

WHEEL_ATTRS = {"_wheel_py": attr.label(default = "//third_party:wheel.py")}
