"""G01 to G18: names that a pickle asks for, and what it calls."""

from pickle_code import *
from cases import listed, twin
from checkpoint import file
from rows_object import object_
from rows_pickle import holds, value

W = {"w": listed([1, 2, 3, 4])}


def refused(row, defect, module, attribute, about=None, part=None, use=None):
    """A state dict whose second value is a call of what is named."""
    code = mapping(("w", tensor()), ("x", use or call(module, attribute, text("true"))))
    full = f"{module}.{attribute}" if isinstance(module, str) else ""
    value(row, defect, about or f"{full} is called", code, part or full, "Global")


# G01 to G03: names of power.
for module, attribute in (
        ("os", "system"), ("posix", "system"), ("nt", "system"), ("builtins", "eval"),
        ("builtins", "exec"), ("builtins", "getattr"), ("builtins", "__import__"),
        ("subprocess", "Popen"), ("sys", "exit"), ("pty", "spawn"), ("runpy", "run_path"),
        ("ctypes", "CDLL")):
    refused("G01", f"{module}_{attribute}".replace("__", ""), module, attribute)
refused("G01", "escape_sequence_in_the_name", "os\x1b[31m", "system",
        "a name with a terminal's escape sequence, shown escaped", "os\\x1b[31m.system")
refused("G01", "never_called", "os", "system", "a name that is put in, and never called",
        use=name("os", "system"))
refused("G02", "dotted_name", "pathlib", "os.system")
refused("G02", "submodule", "os.path", "join")
refused("G02", "resolve_name", "pkgutil", "resolve_name")
refused("G02", "dotted_name_in_torch", "torch", "os.system")
refused("G02", "dotted_name_in_torch_utils", "torch._utils", "_rebuild_tensor_v2.__globals__")
for module, attribute in (
        ("torch", "load"), ("torch.hub", "load"), ("torch.jit", "load"),
        ("torch.utils.collect_env", "run"), ("torch", "from_file"), ("torch", "_load_global_deps"),
        ("torch.serialization", "load"), ("torch", "tensor"),
        ("torch._utils", "_import_dotted_name")):
    refused("G03", f"{module}_{attribute}".replace(".", "_"), module, attribute)

# G04: storage classes are known by their whole names.
for what, module, attribute in (
        ("evil_storage", "torch", "EvilStorage"),
        ("storage_of_another_module", "evil", "FloatStorage"),
        ("storage_of_torch_storage", "torch.storage", "FloatStorage"),
        ("base_class", "torch.storage", "_StorageBase"), ("suffix", "torch", "XFloatStorage")):
    refused("G04", what, module, attribute, f"a storage of class {module}.{attribute}",
            use=tensor(kind=name(module, attribute)))

# G05: names on the list, with arguments that ask for memory.
value("G05", "bytearray_of_2_to_the_40", "bytearray(2**40)",
      mapping(("x", call("builtins", "bytearray", number(2**40)))), "encode")
object_("G05", "tensor_of_2_to_the_40", "torch.Tensor(2**40)",
        mapping(("x", call("torch", "Tensor", number(2**40)))), "Layout", "arguments")
object_("G05", "float_tensor_of_2_to_the_40", "torch.FloatTensor(2**40)",
        mapping(("x", call("torch", "FloatTensor", number(2**40)))), "Layout", "arguments")
SEQUENCE = array(*[number(n) for n in range(100)]) + put(0)
for what, module, attribute in (("set", "builtins", "set"), ("bytes", "builtins", "bytes")):
    several = SEQUENCE + POP + array(*[call(module, attribute, get(0)) for _ in range(100)])
    value("G05", what + "_of_one_list_again_and_again", f"{what} of one list, a hundred times",
          several, "more items than the pickle" if what == "set" else "",
          "Limit" if what == "set" else "Pickle")
holds("G05", "small", "a bytearray, a Size and a set, small ones",
      array(call("builtins", "bytearray", call("_codecs", "encode", text("ab"), text("latin1"))),
            call("torch", "Size", numbers(2, 3)), call("builtins", "set", array(number(1)))),
      [{"$type": "bytearray", "value": "6162"}, {"$type": "torch.Size", "items": [2, 3]},
       {"$type": "set", "items": [1]}])

# G06: _codecs.encode makes bytes, from literal text, as latin1.
for codec in ("zlib", "idna", "punycode", "rot13", "utf-8", "nonsense", "LATIN1"):
    value("G06", "codec_" + codec.replace("-", "_"), f"_codecs.encode with codec {codec}",
          mapping(("x", call("_codecs", "encode", text("ab"), text(codec)))), "_codecs.encode")
value("G06", "beyond_latin1", "_codecs.encode of a character that latin1 has not",
      mapping(("x", call("_codecs", "encode", text("€"), text("latin1")))), "_codecs.encode")
holds("G06", "latin1", "_codecs.encode of literal text as latin1, as protocol 2 writes bytes",
      mapping(("x", call("_codecs", "encode", text("é\0"), text("latin1")))),
      {"x": {"$type": "bytes", "value": "e900"}})

# G07, G08: names that look like those on the list; names of Python 2.
for what, module, attribute, shown in (
        ("trailing_space", "collections ", "OrderedDict", "collections .OrderedDict"),
        ("other_case", "Collections", "OrderedDict", "Collections.OrderedDict"),
        ("homoglyph", "cоllections", "OrderedDict", "cоllections.OrderedDict"),
        ("zero_width_space", "collections", "Ordered\u200bDict", "Ordered\\u{200b}Dict"),
        ("storage_in_capitals", "torch", "FLOATSTORAGE", "torch.FLOATSTORAGE")):
    refused("G07", what, module, attribute, f"a name with {what.replace('_', ' ')}", shown)
refused("G08", "python_2_eval", "__builtin__", "eval", part="builtins.eval")
refused("G08", "python_2_copy_reg", "copy_reg", "_reconstructor", part="copyreg._reconstructor")
holds("G08", "python_2_set", "__builtin__.set, which is builtins.set",
      call("__builtin__", "set", array(number(1))), {"$type": "set", "items": [1]})

# G09: what is called is no callable.
for what, target in (
        ("text", text("os.system")), ("int", number(1)), ("tensor", tensor()), ("none", NONE),
        ("dtype", name("torch", "float32")), ("storage_class", name("torch", "FloatStorage"))):
    value("G09", f"reduce_of_{what}", f"REDUCE of a {what.replace('_', ' ')}",
          target + EMPTY_TUPLE + REDUCE, "cannot be called")
    value("G09", f"newobj_of_{what}", f"NEWOBJ of a {what.replace('_', ' ')}",
          target + EMPTY_TUPLE + NEWOBJ, "cannot be called")
value("G09", "arguments_are_a_list", "REDUCE with a list of arguments",
      name("collections", "OrderedDict") + EMPTY_LIST + REDUCE, "not a tuple")

# G10: _rebuild_tensor_v2 with wrong arguments.
RIGHT = (storage(), number(0), numbers(4), numbers(1), FALSE, NO_HOOKS, EMPTY_DICT)
for count in (0, 1, 2, 3, 4, 5, 8, 20):
    object_("G10", f"{count}_arguments", f"_rebuild_tensor_v2 with {count} arguments",
            mapping(("w", rebuilt(*(RIGHT + (NONE,) * 13)[:count]))), "Layout", "arguments that")
WRONG = {"storage": number(0), "offset": text("0"), "size": array(number(4)), "stride": NONE,
         "requires_grad": number(1), "hooks": array(), "metadata": array()}
for at, (what, wrong) in enumerate(WRONG.items()):
    arguments = list(RIGHT)
    arguments[at] = wrong
    object_("G10", what + "_of_another_type", f"_rebuild_tensor_v2 with another type of {what}",
            mapping(("w", rebuilt(*arguments))), "Layout", "arguments that")
for what, at, wrong in (
        ("size_holds_text", 2, many(text("4"))), ("size_holds_a_float", 2, many(real(4.0))),
        ("stride_holds_none", 3, many(NONE)),
        ("size_holds_an_int_of_72_bits", 2, many(number(2**70)))):
    arguments = list(RIGHT)
    arguments[at] = wrong
    object_("G10", what, f"_rebuild_tensor_v2: {what.replace('_', ' ')}",
            mapping(("w", rebuilt(*arguments))), "Layout", "arguments that")
twin("G10", "metadata", "_rebuild_tensor_v2 with all its arguments",
     file(mapping(("w", rebuilt(*RIGHT)))), W)
twin("G10", "rebuild_tensor", "_rebuild_tensor, as old torch wrote",
     file(mapping(("w", rebuilt(*RIGHT[:4], function="_rebuild_tensor")))), W)

# G12: parameters in parameters. Python never wraps one twice.
LEVELS = 100_000
DEEP = (name("torch._utils", "_rebuild_parameter") + put(0) + POP + NO_HOOKS + put(1) + POP +
        get(0) * LEVELS + tensor() + (FALSE + get(1) + TUPLE3 + REDUCE) * LEVELS)
object_("G12", "a_hundred_thousand_parameters", "a parameter wrapped 100,000 times",
        mapping(("w", DEEP)), "Limit", "max_depth", at_run_time=True)
twin("G12", "parameter", "a parameter",
     file(mapping(("w", rebuilt(tensor(), TRUE, NO_HOOKS, function="_rebuild_parameter")))), W)

# G15: whole objects; one error lists all names.
RECONSTRUCT = call("numpy._core.multiarray", "_reconstruct", name("numpy", "ndarray"), numbers(0),
                   call("_codecs", "encode", text("b"), text("latin1")))
refused("G15", "numpy_array", "numpy._core.multiarray", "_reconstruct", "a numpy array",
        "numpy._core.multiarray._reconstruct, numpy.ndarray", use=RECONSTRUCT)
refused("G15", "dtensor", "torch.distributed.tensor", "DTensor")
OBJECT = call("copyreg", "_reconstructor", name("model", "Net"), name("builtins", "object"), NONE)
PARAMETERS = mapping(("training", TRUE), ("_parameters", mapping(("w", tensor()))))
value("G15", "whole_module", "a module, pickled as a whole: one error lists all names",
      OBJECT + PARAMETERS + BUILD, "whole pickled object", "Global")
value("G15", "several_names", "three names: one error lists them all",
      array(call("model", "A"), call("model", "B"), call("model", "C")),
      "model.A, model.B, model.C", "Global")

# G16: hooks and gradients.
object_("G16", "hooks", "hooks that are not empty",
        mapping(("w", tensor(hooks=ordered(("hook", NONE))))), "Layout", "arguments that")
object_("G16", "requires_grad_is_an_int", "requires_grad is 1, not True",
        mapping(("w", tensor(grad=number(1)))), "Layout", "arguments that")
object_("G16", "integers_require_a_gradient", "a tensor of integers requires a gradient",
        mapping(("w", tensor((2,), kind="LongStorage", count=2, grad=TRUE))), "Layout",
        "requires a gradient")
twin("G16", "requires_grad", "a tensor that requires a gradient, with hooks None as in old files",
     file(mapping(("w", tensor(grad=TRUE, hooks=NONE)))), W)
