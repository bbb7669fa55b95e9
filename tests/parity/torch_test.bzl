"""torch_test: a test by a script that needs a Python with torch.

With --config=parity it is run by @torch_python//:python3, in the folder that holds its data; else
it is skipped, and that Python is not asked for.
"""

def torch_test(name, script, data = [], **kwargs):
    native.sh_test(
        name = name,
        srcs = select({
            "//tests/parity:is_on": ["@torch_python//:python3"],
            "//conditions:default": [script],
        }),
        args = ["$(rootpath %s)" % script],
        data = data + [script],
        target_compatible_with = select({
            "//tests/parity:is_on": [],
            "//conditions:default": ["//tests/parity:needs_config_parity"],
        }),
        **kwargs
    )
