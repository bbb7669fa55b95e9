"""One archive of a library and of all that it is made of; Bazel itself makes one a target."""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "CPP_LINK_STATIC_LIBRARY_ACTION_NAME")
load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

def _cc_archive_impl(ctx):
    library = ctx.attr.library[CcInfo]
    objects = []
    for linker_input in library.linking_context.linker_inputs.to_list():
        for part in linker_input.libraries:
            # None where all there is is a shared library: LibTorch.
            objects += part.pic_objects or part.objects or []

    toolchain = find_cpp_toolchain(ctx)
    archiver = cc_common.get_tool_for_action(
        feature_configuration = cc_common.configure_features(ctx = ctx, cc_toolchain = toolchain),
        action_name = CPP_LINK_STATIC_LIBRARY_ACTION_NAME,
    )
    archive = ctx.actions.declare_file("lib%s.a" % ctx.attr.library.label.name)
    arguments = ctx.actions.args()

    # Appends (several objects may have one name), with an index, without times and owners.
    arguments.add("qcsD")
    arguments.add(archive)
    arguments.add_all(objects)
    ctx.actions.run(
        executable = archiver,
        arguments = [arguments],
        inputs = depset(objects, transitive = [toolchain.all_files]),
        outputs = [archive],
        mnemonic = "CcArchive",
    )
    headers = [
        header
        for header in library.compilation_context.headers.to_list()
        if header.owner.workspace_name == ctx.label.workspace_name
    ]
    return [DefaultInfo(
        files = depset([archive]),
        runfiles = ctx.runfiles(files = [archive] + headers),
    )]

# Builds libNAME.a of the cc_library `library` called NAME; brings the headers of this workspace
# that it is made of along for whoever runs.
cc_archive = rule(
    implementation = _cc_archive_impl,
    attrs = {
        "library": attr.label(mandatory = True, providers = [CcInfo]),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    fragments = ["cpp"],
    incompatible_use_toolchain_transition = True,
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
