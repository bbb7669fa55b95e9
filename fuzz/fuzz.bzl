"""cc_fuzz_test: one fuzz target, in the forms that it is needed in."""

def cc_fuzz_test(name, srcs, dictionary, corpus = [], deps = [], max_len = 16384, tags = []):
    """A fuzz target: a source file with LLVMFuzzerTestOneInput.

    Its corpus is data/corpus/STEM/, where the name is STEM_fuzzer, and what is named here. The
    names of what is made are those of rules_fuzzing, which services look for.

    Makes:
      NAME              a test that runs the target on every file of the corpus; part of every
                        `bazel test`, under each sanitizer, so that a target cannot rot and a bug
                        that was found once stays fixed.
      NAME_bin          the fuzzer, with --config=fuzz; without it, a program that replays its
                        arguments (files and folders).
      NAME_corpus       the files of the corpus.
      NAME_seed_corpus  NAME_seed_corpus.zip, the same as one file.
      NAME_dict         NAME.dict, the tokens of its inputs.
      NAME_options      NAME.options, libFuzzer's flags for it.
      NAME_oss_fuzz     NAME_oss_fuzz.tar, of the last four, as services unpack it.

    Args:
      name: ends in _fuzzer; the source file is NAME.cc.
      srcs: the source files.
      dictionary: of tokens, in libFuzzer's format.
      corpus: seeds that are kept elsewhere.
      deps: as of cc_library.
      max_len: bytes of the longest input that is worth trying.
      tags: "no-oss-fuzz" where LibTorch is needed: services build with LLVM's C++ library, LibTorch
        is built with GNU's.
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
        srcs = ["//data:%s_corpus" % name[:-len("_fuzzer")]] + corpus,
    )
    native.genrule(
        name = name + "_seed_corpus",
        testonly = True,
        srcs = [":%s_corpus" % name],
        outs = [name + "_seed_corpus.zip"],
        cmd = "$(location seed_corpus.py) $@ $(SRCS)",
        tools = ["seed_corpus.py"],
    )
    native.genrule(
        name = name + "_dict",
        srcs = [dictionary],
        outs = [name + ".dict"],
        cmd = "cp $< $@",
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
    native.genrule(
        name = name + "_oss_fuzz",
        testonly = True,
        srcs = [name + part for part in ["_bin", "_dict", "_options", "_seed_corpus"]],
        outs = [name + "_oss_fuzz.tar"],
        cmd = "tar -chf $@ --transform='s,.*/,,;s,_bin$$,,' $(SRCS)",
        tags = ["manual"],
    )
    native.cc_test(
        name = name,
        size = "small",
        args = ["$(locations :%s_corpus)" % name],
        data = [":%s_corpus" % name],
        tags = ["fuzz-test"] + tags,
        deps = [
            ":replay",
            ":" + name + "_target",
        ],
    )
