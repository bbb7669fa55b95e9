"""cc_fuzz_test: one fuzz target, in the three forms that it is needed in."""

def cc_fuzz_test(name, srcs, corpus, deps = [], dictionary = None, max_len = 16384):
    """A fuzz target: a source file with LLVMFuzzerTestOneInput.

    Makes:
      NAME          a test that runs the target on every file of the corpus; part of every
                    `bazel test`, under each sanitizer, so that a target cannot rot and a bug that
                    was found once stays fixed.
      NAME_bin      the fuzzer, with --config=fuzz; without it, a program that replays its
                    arguments (files and folders).
      NAME_corpus   the files of the corpus.
      NAME_dict     the dictionary, if there is one.
      NAME_options  NAME.options: libFuzzer's flags for this target, in the form that fuzzing
                    services read.

    Args:
      name: ends in _fuzzer; the source file is NAME.cc.
      srcs: the source files.
      corpus: seeds, and inputs that once broke something.
      deps: as of cc_library.
      dictionary: of tokens, in libFuzzer's format.
      max_len: bytes of the longest input that is worth trying.
    """
    native.cc_library(
        name = name + "_target",
        testonly = True,
        srcs = srcs,
        alwayslink = True,
        deps = deps,
    )
    native.filegroup(
        name = name + "_corpus",
        testonly = True,
        srcs = corpus,
    )
    if dictionary:
        native.filegroup(
            name = name + "_dict",
            srcs = [dictionary],
        )
    native.genrule(
        name = name + "_options",
        outs = [name + ".options"],
        cmd = "printf '[libfuzzer]\\nmax_len = %d\\ntimeout = 10\\nmalloc_limit_mb = 256\\nrss_limit_mb = 1024\\n' >$@" % max_len,
    )
    native.cc_binary(
        name = name + "_bin",
        testonly = True,
        tags = ["fuzz-binary"],
        deps = [
            ":engine",
            ":" + name + "_target",
        ],
    )
    native.cc_test(
        name = name,
        size = "small",
        args = ["$(locations :%s_corpus)" % name],
        data = [":" + name + "_corpus"],
        tags = ["fuzz-test"],
        deps = [
            ":replay",
            ":" + name + "_target",
        ],
    )
