"""counted_test: a test whose program, with all that it uses, counts its own steps.

The program is compiled to call __sanitizer_cov_trace_pc, which it defines, at every branch.
"""

_COPT = "//command_line_option:copt"

def _count(settings, _attributes):
    return {_COPT: settings[_COPT] + ["-fsanitize-coverage=trace-pc"]}

_counted = transition(implementation = _count, inputs = [_COPT], outputs = [_COPT])

def _test(context):
    test = context.actions.declare_file(context.label.name)
    context.actions.symlink(output = test, target_file = context.executable.program)
    return DefaultInfo(
        executable = test,
        runfiles = context.attr.program[0][DefaultInfo].default_runfiles,
    )

counted_test = rule(
    implementation = _test,
    test = True,
    attrs = {
        "program": attr.label(cfg = _counted, executable = True, mandatory = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)
