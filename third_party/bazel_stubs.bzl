"""Local stand-ins for the repositories that Bazel 4 wants to download for itself.

Bazel's own tools load these five from the network even where nothing of them is used.
Each stand-in hands on Bazel's native rules, so that a build works offline, with Debian's
Bazel (which ships them under /usr/share/bazel) and with an official one (which does not).
"""

def _stub_repository_impl(ctx):
    for path, content in ctx.attr.files.items():
        ctx.file(path, content, executable = False)

_stub_rule = repository_rule(
    implementation = _stub_repository_impl,
    attrs = {"files": attr.string_dict(mandatory = True)},
)

def _stub_repository(name, files):
    if not native.existing_rule(name):
        _stub_rule(name = name, files = files)

def _native(names):
    return "".join(["%s = native.%s\n" % (name, name) for name in names])

def bazel_stubs():
    _stub_repository(
        name = "rules_cc",
        files = {
            "BUILD": "",
            "cc/BUILD": "",
            "cc/defs.bzl": _native([
                "cc_binary",
                "cc_import",
                "cc_library",
                "cc_proto_library",
                "cc_test",
                "cc_toolchain",
                "cc_toolchain_suite",
                "objc_library",
            ]),
        },
    )
    _stub_repository(
        name = "rules_java",
        files = {
            "BUILD": "",
            "java/BUILD": "",
            "java/defs.bzl": _native([
                "java_binary",
                "java_import",
                "java_library",
                "java_proto_library",
                "java_runtime",
                "java_toolchain",
            ]),
        },
    )
    _stub_repository(
        name = "rules_proto",
        files = {
            "BUILD": "",
            "proto/BUILD": "",
            "proto/defs.bzl": "ProtoInfo = ProtoInfo\n" + _native([
                "proto_lang_toolchain",
                "proto_library",
            ]),
        },
    )
    _stub_repository(
        name = "bazel_skylib",
        files = {"BUILD": ""},
    )
    _stub_repository(
        name = "remote_coverage_tools",
        files = {"BUILD": """
package(default_visibility = ["//visibility:public"])

filegroup(name = "coverage_output_generator")

filegroup(name = "coverage_report_generator")
"""},
    )
