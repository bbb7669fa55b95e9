"""Z27: TorchScript archives, and what LibTorch's pickler writes beside what Python's does."""

from cases import bad, listed, twin
from checkpoint import FLOATS, STATE, file
from pickle_code import *

CODE = b"class Net(Module):\n  __parameters__ = [\"w\", ]\n  w : Tensor\n"
NOTHING = PROTO + EMPTY_TUPLE + STOP
SYSTEM = call("os", "system", text("touch /tmp/hardload"))
JIT = "torch.jit._pickle"
RECORDS = {"code/__torch__.py": CODE, "constants.pkl": NOTHING}


def made(state=b"", arguments=EMPTY_TUPLE):
    """An object of a class of TorchScript; `state` ends in BUILD."""
    return name("__torch__", "Net") + arguments + NEWOBJ + state


def module(*attributes):
    return made(mapping(*attributes) + BUILD)


def script(code, storages=None, **more):
    return file(code, storages, **{**RECORDS, **more})


def with_x(code):
    """The attribute "x" beside the usual tensor."""
    return script(module(("w", tensor()), ("x", code)))


def by_libtorch(code, storages=None, **more):
    """As torch::pickle_save wrote it before torch 2.1: nothing says who did."""
    return file(code, storages, byte_order=None, **more)


def refused(defect, about, content, kind, part="", stage="pickle", **more):
    bad("Z27", defect, about, content, kind, part, stage=stage, **more)


def fine(what, about, content, tensors=None, **more):
    twin("Z27", what, about, content, tensors, **more)


# Two readers, two meanings: torch.jit.load would take it for a module, others for a state dict.
refused("torchscript", "constants.pkl and code/ beside a state dict of torch.save", script(STATE),
        "Unsupported", "what it holds is a dict, not a module", "manifest")
refused("root_tensor", "the archive of a module holds a tensor", script(tensor()), "Unsupported",
        "not a module", "manifest")
refused("root_enum_in_a_list", "the archive of a module holds a list of one",
        script(array(module(("w", tensor())))), "Unsupported", "is a list, not a module", "manifest")
bad("Z27", "constants_alone", "constants.pkl and code/ without data.pkl",
    script(STATE, **{"data.pkl": None}), "Container", "holds no archive/data.pkl")
bad("Z27", "of_torch_1_0", "model.json in place of data.pkl",
    file(**{"data.pkl": None, "model.json": b"{}"}), "Unsupported", "keeps its names in model.json")

# Names that are no data stay refused, wherever they stand.
refused("os_system", "an attribute calls os.system", with_x(SYSTEM), "Global", "os.system")
refused("os_system_as_state", "the state of an object calls os.system",
        script(module(("w", tensor()), ("x", made(SYSTEM + BUILD)))), "Global", "os.system")
refused("build_tensor_from_id", "a function of remote calls, which no file has",
        with_x(call(JIT, "build_tensor_from_id", number(0))), "Global", "build_tensor_from_id")
refused("class_in_torch_save", "a file of torch.save names a class of TorchScript",
        file(mapping(("w", tensor()), ("x", module()))), "Global", "__torch__.Net")
refused("list_in_torch_save", "a file of torch.save names build_intlist",
        file(mapping(("w", tensor()), ("x", call(JIT, "build_intlist", array(number(1)))))),
        "Global", "build_intlist")
refused("class_almost", "a class of __torch__x",
        with_x(name("__torch__x", "Net") + EMPTY_TUPLE + NEWOBJ), "Global", "__torch__x.Net")

# Objects that LibTorch does not write.
refused("object_with_arguments", "NEWOBJ of a class with an argument",
        script(module(("w", tensor()), ("x", made(arguments=many(number(1)))))), "Pickle",
        "with arguments")
refused("built_twice", "BUILD is applied to one object twice",
        script(made(mapping(("w", tensor())) + BUILD + mapping(("v", tensor())) + BUILD)), "Pickle",
        "twice")
refused("class_with_state", "BUILD is applied to the class itself",
        with_x(name("__torch__", "Net") + mapping() + BUILD), "Pickle", "takes no such state")
refused("item_of_an_object", "SETITEM is applied to an object",
        with_x(made(text("v") + NONE + SETITEM)), "Pickle", "items are set")
refused("attribute_twice", "an attribute stands twice",
        script(module(("w", tensor()), ("w", tensor()))), "Key", "'w' stands twice", "manifest")

# Typed values.
refused("list_of_text", "build_intlist is given text", with_x(call(JIT, "build_intlist", text("a"))),
        "Pickle", "build_intlist")
refused("list_of_nothing", "build_intlist is given nothing", with_x(call(JIT, "build_intlist")),
        "Pickle", "build_intlist")
refused("tag_without_type", "restore_type_tag without a type",
        with_x(call(JIT, "restore_type_tag", EMPTY_LIST)), "Pickle", "restore_type_tag")
refused("tag_that_is_no_text", "restore_type_tag with a number for a type",
        with_x(call(JIT, "restore_type_tag", EMPTY_LIST, number(1))), "Pickle", "restore_type_tag")
for what, device in (("beyond", "cuda:128"), ("negative", "cuda:-1"), ("unknown", "gpu:0"),
                     ("unfinished", "cuda:")):
    refused("device_" + what, f"torch.device('{device}')",
            with_x(call("torch", "device", text(device))), "Pickle", "torch.device")

# Tensors and their storages.
refused("storage_missing", "a tensor of a storage without a record",
        script(module(("w", tensor(key="7")))), "Storage", "no record for it", "manifest")
refused("storage_longer", "a storage of one element more than declared",
        script(module(("w", tensor())), {"0": FLOATS + bytes(4)}), "Storage", "does not match",
        "manifest")
refused("storage_shorter", "a storage of one byte less than declared",
        script(module(("w", tensor())), {"0": FLOATS[:-1]}), "Storage", "does not match", "manifest")
refused("uint16_too_many", "more elements of a type without a class in Python than bytes",
        script(module(("w", tensor(kind="UInt16Storage", count=9)))), "Storage", "does not match",
        "manifest")
refused("view_outside", "a view that leaves its storage",
        script(module(("w", tensor((5,))))), "Layout", "storage", "manifest")
INDICES = tensor((2, 1), strides=(1, 1), kind="LongStorage", count=2, key="1")
VALUES = tensor((1,))


def sparse(layout, *parts, size=(2, 2)):
    return script(module(("w", tensor()), ("s", call(
        "torch._utils", "_rebuild_sparse_tensor", number(layout), numbers(*size), FALSE, *parts,
        call("collections", "OrderedDict")))), {"0": FLOATS, "1": bytes(16)})


refused("sparse_of_another_layout", "a sparse tensor of layout 4",
        sparse(4, INDICES, VALUES), "Layout", "", "manifest")
refused("sparse_without_values", "a COO tensor without values", sparse(1, INDICES), "Layout", "",
        "manifest")
refused("sparse_of_another_size", "a COO tensor of three dimensions and two rows of indices",
        sparse(1, INDICES, VALUES, size=(2, 2, 2)), "Layout", "", "manifest")

# Work without end.
DOUBLED = b"".join(module(("a", get(n)), ("b", get(n))) + put(n + 1) + POP for n in range(60))
refused("doubled_sixty_times", "each object holds the previous one twice",
        script(MARK + tensor() + put(0) + DOUBLED + POP_MARK + get(60)), "Limit", "max_walk_ratio",
        "manifest")

fine("module", "a module with a tensor", script(module(("w", tensor()))))
fine("module_in_a_module", "a module, its submodule and plain attributes",
     script(module(("training", TRUE), ("fc", module(("weight", tensor()), ("n", number(3)))))),
     {"fc.weight": listed([1, 2, 3, 4])})
fine("hostile_code", "code that would do harm, which nobody runs",
     script(module(("w", tensor())), **{"code/__torch__.py": b"import os\nos.system('ls')\n"}))
fine("hostile_constants", "constants.pkl calls os.system, which nobody reads",
     script(module(("w", tensor())), **{"constants.pkl": PROTO + SYSTEM + STOP}))
fine("enum_of_a_name_of_power", "a member of an enum that is called os.system",
     script(module(("w", tensor()), ("x", name("__torch__.os", "system") + text("ls") + REDUCE))))
fine("packed", "an object whose class saved two tensors in its own way",
     script(module(("p", made(many(tensor(), NONE) + BUILD)))), {"p.0": listed([1, 2, 3, 4])})
fine("part_of_an_element", "a storage of three elements and two bytes, as LibTorch counts them",
     script(module(("w", tensor((3,), count=3))), {"0": FLOATS[:14]}), {"w": listed([1, 2, 3])})
fine("typed_values", "a typed list, a type tag and a device of one text",
     by_libtorch(call(JIT, "restore_type_tag",
                      mapping(("w", tensor()), ("l", call(JIT, "build_intlist", array(number(1)))),
                              ("d", call("torch", "device", text("cuda:127")))),
                      text("Dict[str, Any]"))))
fine("uint16", "a storage class that is not in Python",
     script(module(("w", tensor((8,), kind="UInt16Storage", count=8)))),
     {"w": listed(FLOATS, "uint16", [8])})
# Were each entered inside the others, their orders would be paths, 30! of them.
fine("objects_of_one_dict", "30 objects that share one dict, which holds them all",
     script(EMPTY_DICT + put(0) + MARK +
            b"".join(text(f"o{n}") + made(get(0) + BUILD) for n in range(30)) + text("w") + tensor() +
            SETITEMS + POP + made(get(0) + BUILD)))
