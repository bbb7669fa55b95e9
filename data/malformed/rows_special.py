"""G11, G13, G14: tensors with Python attributes, sparse and quantized tensors."""

import struct

from pickle_code import *
from cases import bad, twin
from checkpoint import FLOATS, file


class Content:
    """A value and the storages that it needs."""

    def __init__(self):
        self.storages = {}

    def tensor(self, values, kind="FloatStorage", form="f", shape=None):
        key = str(len(self.storages))
        self.storages[key] = struct.pack(f"<{len(values)}{form}", *values)
        shape = (len(values),) if shape is None else shape
        return tensor(shape, kind=kind, key=key, count=len(values))

    def longs(self, *values, shape=None):
        return self.tensor(values, "LongStorage", "q", shape)

    def file(self, code):
        return file(mapping(("w", code)), self.storages)


# What is wrong with the values of indices, which are tensor data: found where they are read.
OF_INDICES = {
    "coo_index_negative", "coo_index_too_large", "coo_index_of_2_to_the_62",
    "coo_indices_in_an_empty_size", "coo_coalesced_but_not_sorted", "coo_coalesced_but_twice",
    "csr_rows_start_at_1", "csr_rows_end_early", "csr_rows_end_late", "csr_rows_go_back",
    "csr_rows_negative", "csr_column_negative", "csr_column_too_large", "csr_column_of_2_to_the_62",
    "csr_columns_not_sorted", "csr_column_twice", "csc_row_too_large", "csc_columns_start_at_1",
    "bsr_column_too_large", "bsc_row_too_large"}


def refused(row, defect, about, content, code, kind="Layout", stage="manifest"):
    bad(row, defect, about, content.file(code), kind, stage=stage,
        describe="loads" if defect in OF_INDICES else None)


def loads(row, what, about, content, code):
    twin(row, what, about, content.file(code), {}, names=["w"])


# G11: tensors with Python attributes, and tensors of a subclass.
BASE_ARGUMENTS = (storage(), number(0), numbers(4), numbers(1), FALSE, NO_HOOKS)
V2, TENSOR = name("torch._utils", "_rebuild_tensor_v2"), name("torch", "Tensor")
ATTRIBUTE = mapping(("note", text("hello")))


def from_type(function, type_, arguments=None, state=ATTRIBUTE):
    arguments = many(*BASE_ARGUMENTS) if arguments is None else arguments
    return name("torch._tensor",
                "_rebuild_from_type_v2") + many(function, type_, arguments, state) + REDUCE


FLOAT_CONTENT = Content()
FLOAT_CONTENT.storages["0"] = FLOATS
for what, code, kind, stage in (
        ("function_is_none", from_type(NONE, TENSOR), "Layout", "manifest"),
        ("function_is_text", from_type(text("os.system"), TENSOR), "Layout", "manifest"),
        ("function_makes_no_tensor",
         from_type(name("collections", "OrderedDict"), TENSOR, EMPTY_TUPLE), "Layout", "manifest"),
        ("function_is_not_listed", from_type(name("os", "system"), TENSOR, many(text("true"))),
         "Global", "pickle"),
        ("type_is_not_listed", from_type(V2, name("model", "MyTensor")), "Global", "pickle"),
        ("type_is_a_dict", from_type(V2, name("collections", "OrderedDict")), "Layout",
         "manifest"), ("type_is_none", from_type(V2, NONE), "Layout", "manifest"),
        ("arguments_are_none", from_type(V2, TENSOR, NONE), "Layout", "manifest"),
        ("arguments_are_too_few", from_type(V2, TENSOR, numbers(1)), "Layout", "manifest"),
        ("inside_itself", from_type(name("torch._tensor", "_rebuild_from_type_v2"), TENSOR),
         "Layout", "manifest"),
        ("no_arguments", call("torch._tensor", "_rebuild_from_type_v2"), "Layout", "manifest")):
    refused("G11", what, f"_rebuild_from_type_v2: {what.replace('_', ' ')}", FLOAT_CONTENT, code,
            kind, stage)
loads("G11", "attributes", "a tensor with a Python attribute", FLOAT_CONTENT,
      from_type(V2, TENSOR))
loads("G11", "parameter_with_attributes", "a parameter with a Python attribute", FLOAT_CONTENT,
      rebuilt(tensor(), TRUE, NO_HOOKS, ATTRIBUTE, function="_rebuild_parameter_with_state"))
refused("G11", "parameter_state_is_text", "the attributes of a parameter are text", FLOAT_CONTENT,
        rebuilt(tensor(), TRUE, NO_HOOKS, text("x"), function="_rebuild_parameter_with_state"))


# G13: sparse tensors. A 3 x 4 matrix with 1, 2, 3 at (0, 1), (1, 3), (2, 0).
def sparse(layout, *data):
    return rebuilt(call("torch.serialization", "_get_layout", text("torch." + layout)),
                   many(*data), function="_rebuild_sparse_tensor")


def size(*sizes):
    return call("torch", "Size", numbers(*sizes))


def coo(indices=(0, 1, 2, 1, 3, 0), shape=(2, 3), values=(1, 2, 3), values_shape=None,
        sizes=(3, 4), coalesced=(TRUE,), kind=None):
    content = Content()
    made = content.longs(*indices,
                         shape=shape) if kind is None else content.tensor(indices, *kind, shape)
    return content, sparse("sparse_coo", made, content.tensor(values, shape=values_shape),
                           size(*sizes), *coalesced)


for what, about, change in (
        ("index_negative", "an index of -1", {"indices": (0, -1, 2, 1, 3, 0)}),
        ("index_too_large", "an index of 3 where the size is 3", {"indices": (0, 1, 3, 1, 3, 0)}),
        ("index_of_2_to_the_62", "an index of 2^62", {"indices": (0, 1, 2, 1, 2**62, 0)}),
        ("more_values", "4 values for 3 indices", {"values": (1, 2, 3, 4)}),
        ("fewer_values", "2 values for 3 indices", {"values": (1, 2)}),
        ("three_rows_of_indices", "indices of three dimensions for a matrix",
         {"indices": (0,) * 9, "shape": (3, 3)}),
        ("indices_of_one_dimension", "indices that are no matrix",
         {"indices": (0, 1, 2), "shape": (3,)}),
        ("indices_are_floats", "indices of float32", {"kind": ("FloatStorage", "f")}),
        ("indices_are_int32", "indices of int32", {"kind": ("IntStorage", "i")}),
        ("size_negative", "a size of -3", {"sizes": (-3, 4)}),
        ("size_wraps", "sizes whose product wraps", {"sizes": (2**40, 2**40)}),
        ("size_of_one_dimension", "a size of one dimension for indices of two", {"sizes": (12,)}),
        ("indices_in_an_empty_size", "an index where a size is 0", {"sizes": (0, 4)}),
        ("coalesced_is_no_bool", "is_coalesced is text", {"coalesced": (text("yes"),)}),
        ("coalesced_but_not_sorted", "is_coalesced, but the indices are not sorted",
         {"indices": (2, 1, 0, 0, 3, 1)}),
        ("coalesced_but_twice", "is_coalesced, but one index occurs twice",
         {"indices": (0, 0, 2, 1, 1, 0)}),
        ("five_parts", "one part more than torch writes", {"coalesced": (TRUE, NONE)})):
    refused("G13", "coo_" + what, "COO: " + about, *coo(**change))
for what, about, change in (
        ("coalesced", "COO, coalesced", {}),
        ("not_coalesced", "COO with an index twice, not coalesced",
         {"indices": (0, 0, 2, 1, 1, 0), "coalesced": (FALSE,)}),
        ("of_torch_1", "COO without is_coalesced, as older torch wrote", {"coalesced": ()}),
        ("without_values", "COO of no values", {"indices": (), "shape": (2, 0), "values": ()}),
        ("hybrid", "COO of rows: one sparse dimension, one dense",
         {"indices": (0, 2), "shape": (1, 2), "values": tuple(range(8)), "values_shape": (2, 4)})):
    loads("G13", "coo_" + what, about, *coo(**change))


def compressed(layout="sparse_csr", outer=(0, 1, 2, 3), inner=(1, 3, 0), values=(1, 2, 3),
               values_shape=None, sizes=(3, 4)):
    content = Content()
    return content, sparse(layout, content.longs(*outer), content.longs(*inner),
                           content.tensor(values, shape=values_shape), size(*sizes))


CSC = {"layout": "sparse_csc", "outer": (0, 1, 2, 2, 3), "inner": (2, 0, 1)}
BSR = {"layout": "sparse_bsr", "outer": (0, 1, 2), "inner": (1, 0), "values": tuple(range(8)),
       "values_shape": (2, 2, 2), "sizes": (4, 4)}
for what, about, change in (
        ("rows_start_at_1", "crow_indices does not begin with 0", {"outer": (1, 1, 2, 3)}),
        ("rows_end_early", "crow_indices ends below the number of values",
         {"outer": (0, 1, 2, 2)}),
        ("rows_end_late", "crow_indices ends above the number of values",
         {"outer": (0, 1, 2, 1000)}),
        ("rows_go_back", "crow_indices goes back", {"outer": (0, 3, 1, 3)}),
        ("rows_negative", "crow_indices holds a negative number", {"outer": (0, -1, 2, 3)}),
        ("too_few_rows", "crow_indices for two rows of three", {"outer": (0, 1, 3)}),
        ("too_many_rows", "crow_indices for four rows of three", {"outer": (0, 1, 2, 3, 3)}),
        ("column_negative", "a column of -1", {"inner": (1, -1, 0)}),
        ("column_too_large", "a column of 4 where there are 4", {"inner": (1, 4, 0)}),
        ("column_of_2_to_the_62", "a column of 2^62", {"inner": (1, 2**62, 0)}),
        ("columns_not_sorted", "the columns of a row are not sorted",
         {"outer": (0, 2, 2, 3), "inner": (3, 1, 0)}),
        ("column_twice", "a column twice in a row", {"outer": (0, 2, 2, 3), "inner": (1, 1, 0)}),
        ("more_values", "4 values for 3 columns", {"values": (1, 2, 3, 4)}),
        ("one_size", "a size of one dimension", {"sizes": (12,)}),
        ("csc_row_too_large", "CSC: a row of 3 where there are 3", {**CSC, "inner": (2, 3, 1)}),
        ("csc_columns_start_at_1", "CSC: ccol_indices does not begin with 0",
         {**CSC, "outer": (1, 1, 2, 2, 3)}),
        ("bsr_block_does_not_divide", "BSR: blocks of 2 x 2 in a matrix of 5 x 4",
         {**BSR, "sizes": (5, 4)}),
        ("bsr_column_too_large", "BSR: a block column of 2 where there are 2",
         {**BSR, "inner": (1, 2)}),
        ("bsr_values_of_two_dimensions", "BSR: values that are no blocks",
         {**BSR, "values_shape": (2, 4)}),
        ("bsr_empty_blocks", "BSR: blocks of 0 x 2",
         {**BSR, "values": (), "values_shape": (2, 0, 2)}),
        ("bsc_row_too_large", "BSC: a block row of 2 where there are 2",
         {**BSR, "layout": "sparse_bsc", "inner": (1, 2)})):
    refused("G13", ("" if what[:2] in ("cs", "bs") else "csr_") + what,
            about if ":" in about else "CSR: " + about, *compressed(**change))
for what, change in (
        ("csr", {}), ("csc", CSC), ("bsr", BSR), ("bsc", {**BSR, "layout": "sparse_bsc"}),
        ("csr_without_values", {"outer": (0, 0, 0, 0), "inner": (), "values": ()})):
    loads("G13", what, what.replace("_", " ").upper(), *compressed(**change))
refused("G13", "layout_strided", "a sparse tensor whose layout is strided", FLOAT_CONTENT,
        sparse("strided", tensor(), tensor(), size(4)))
bad("G13", "layout_unknown", "a layout that there is not",
    FLOAT_CONTENT.file(sparse("sparse_evil", tensor(), tensor(), size(4))), "Pickle",
    "_get_layout", stage="pickle")


# G14: quantized tensors.
def quantized(parameters, sizes=(4,), strides=None, offset=0, kind="QUInt8Storage", content=None):
    content = content or Content()
    key = str(len(content.storages))
    content.storages[key] = bytes(range(4))
    strides = row_major(sizes) if strides is None else strides
    return content, rebuilt(storage(kind=kind, key=key, count=4), number(offset), numbers(*sizes),
                            numbers(*strides), parameters, FALSE, NO_HOOKS,
                            function="_rebuild_qtensor")


def scheme(what, *parameters):
    return many(name("torch", what), *parameters)


PLAIN = scheme("per_tensor_affine", real(0.5), number(1))


def per_channel(scales=(0.5, 0.25), zeros=(0, 1), axis=0, what="per_channel_affine", **more):
    content = Content()
    parts = (content.tensor(scales, "DoubleStorage", "d"), content.longs(*zeros))
    return quantized(scheme(what, *parts, number(axis)), sizes=(2, 2), content=content, **more)


for what, about, made in (
        ("stride_outside", "a stride that leaves the storage (pt#184652)",
         quantized(PLAIN, strides=(2**40,))),
        ("stride_negative", "a negative stride", quantized(PLAIN, strides=(-1,), offset=3)),
        ("offset_outside", "an offset that leaves the storage", quantized(PLAIN, offset=1)),
        ("size_outside", "more elements than the storage has", quantized(PLAIN, sizes=(5,))),
        ("scale_is_text", "a scale that is text",
         quantized(scheme("per_tensor_affine", text("0.5"), number(1)))),
        ("zero_point_is_a_float", "a zero point of 1.5",
         quantized(scheme("per_tensor_affine", real(0.5), real(1.5)))),
        ("zero_point_of_72_bits", "a zero point of 72 bits",
         quantized(scheme("per_tensor_affine", real(0.5), number(2**70)))),
        ("two_parameters", "a scheme without its zero point",
         quantized(scheme("per_tensor_affine", real(0.5)))),
        ("no_parameters", "an empty scheme", quantized(many())),
        ("scheme_is_text", "a scheme that is text",
         quantized(many(text("per_tensor_affine"), real(0.5), number(1)))),
        ("scheme_symmetric", "a scheme that no tensor has",
         quantized(scheme("per_tensor_symmetric", real(0.5), number(1)))),
        ("storage_of_floats", "a quantized tensor of floats",
         quantized(PLAIN, sizes=(1,), kind="FloatStorage")),
        ("axis_too_large", "axis 2 of a matrix", per_channel(axis=2)),
        ("axis_negative", "axis -1", per_channel(axis=-1)),
        ("scales_too_short", "one scale for two channels", per_channel(scales=(0.5,))),
        ("scales_too_long", "three scales for two channels", per_channel(scales=(1, 2, 3))),
        ("zero_points_too_short", "one zero point for two channels", per_channel(zeros=(0,))),
        ("channel_stride_outside", "per channel, with a stride that leaves the storage",
         per_channel(strides=(2**40, 1)))):
    refused("G14", what, about, *made,
            kind={"storage_of_floats": "Storage", "scheme_symmetric": "Unsupported"}.get(what, "Layout"))
loads("G14", "per_tensor", "per tensor, quint8", *quantized(PLAIN))
loads("G14", "per_tensor_qint8", "per tensor, qint8", *quantized(PLAIN, kind="QInt8Storage"))
loads("G14", "per_channel", "per channel", *per_channel())
FLOAT_PARAMETERS = Content()
FLOAT_SCHEME = scheme("per_channel_affine_float_qparams", FLOAT_PARAMETERS.tensor((0.5, 0.25)),
                      FLOAT_PARAMETERS.tensor((0.0, 1.0)), number(0))
loads("G14", "float_parameters", "per channel, with floats as zero points",
      *quantized(FLOAT_SCHEME, sizes=(2, 2), content=FLOAT_PARAMETERS))
