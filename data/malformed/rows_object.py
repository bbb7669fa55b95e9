"""P18 to P30: the object that a pickle makes: its depth, size, sharing, and what is left over."""

from pickle_code import *
from cases import bad, listed, twin
from checkpoint import STATE, file, pickled
from rows_pickle import holds, value

W = {"w": listed([1, 2, 3, 4])}
PICKLE = "archive/data.pkl"


def object_(row, defect, about, code, kind, part, **more):
    """An object that the pickle machine can make, and that makes trouble later."""
    bad(row, defect, about, file(code), kind, part, stage="manifest", **more)


# P18, P19: depth and number. Python itself writes up to about 1,000 levels.
DEEP = 1_000_000
for what, code in (
        ("lists", EMPTY_LIST * DEEP + APPEND * (DEEP - 1)),
        ("tuples", EMPTY_TUPLE + TUPLE1 * (DEEP - 1)),
        ("dicts", (EMPTY_DICT + b"K\0") * DEEP + NONE + SETITEM * DEEP)):
    object_("P18", "a_million_" + what, f"a million {what} inside each other", code, "Limit",
            "max_", at_run_time=True)
    object_("P18", f"a_million_{what}_in_a_key", f"a tuple with a million {what} in it as a key",
            EMPTY_DICT + code + TUPLE1 + NONE + SETITEM, "Limit" if what == "tuples" else "Pickle",
            "max_depth" if what == "tuples" else "is used as a key", at_run_time=True)
SHORT = 10_001
object_("P18", "10001_lists", "10,001 lists inside each other",
        EMPTY_LIST * SHORT + APPEND * (SHORT - 1), "Limit", "max_")
NESTED = 900
deep_value = None
for _ in range(NESTED):
    deep_value = [deep_value] if deep_value is not None else []
holds("P18", "900_lists", "900 lists inside each other, which Python can write",
      EMPTY_LIST * NESTED + APPEND * (NESTED - 1), deep_value)
for what, code in (("marks", MARK), ("nones", NONE)):
    value("P19", "ten_million_" + what, f"ten million {what} on the stack", code * 10_000_000,
          "max_stack", "Limit", at_run_time=True)
holds("P19", "ten_million_pushes_and_pops", "ten million values that are pushed and popped",
      (NONE + POP) * 10_000_000 + EMPTY_DICT, {}, at_run_time=True)

# P20, P21: shared branches and cycles.
object_("P20", "each_list_holds_the_one_before_twice", "60 levels of it: 2^60 visits", EMPTY_LIST +
        EMPTY_LIST + put(0) + POP +
        b"".join(EMPTY_LIST + MARK + get(n) + get(n) + APPENDS + put(n + 1) + POP
                 for n in range(60)) + get(60) + APPEND, "Limit", "max_walk_ratio")
object_("P20", "each_tuple_holds_the_one_before_twice", "the same with tuples", EMPTY_TUPLE +
        put(0) + POP + b"".join(get(n) + get(n) + TUPLE2 + put(n + 1) + POP for n in range(60)) +
        get(60), "Limit", "max_walk_ratio")
holds("P20", "shared_list", "a list that is shared by two others",
      array(array(number(1)) + put(0), get(0)), [[1], [1]])
holds("P21", "list_inside_itself", "a list that contains itself, which torch writes",
      EMPTY_LIST + put(0) + get(0) + APPEND, [{"$type": "cycle"}])
holds("P21", "dict_inside_itself", "a dict that contains itself",
      EMPTY_DICT + put(0) + text("me") + get(0) + SETITEM, {"me": {"$type": "cycle"}})

# P22: keys.
for what, key in (
        ("list", EMPTY_LIST), ("dict", EMPTY_DICT), ("set", EMPTY_SET),
        ("tuple_of_a_list", many(EMPTY_LIST)), ("bytearray", call("builtins", "bytearray"))):
    object_("P22", "key_is_a_" + what, f"a {what.replace('_', ' ')} as a key, which has no hash",
            EMPTY_DICT + key + NONE + SETITEM, "Pickle", "is used as a key")
object_("P22", "dict_is_its_own_key", "a dict that is a key of itself",
        EMPTY_DICT + put(0) + get(0) + NONE + SETITEM, "Pickle", "is used as a key")
holds("P22", "nan_as_key", "two NaN as keys: no two are equal",
      mapping((real(float("nan")), number(1)), (real(float("nan")), number(2))),
      {"$type": "dict",
       "items": [[{"$type": "float", "value": "nan"}, 1],
                 [{"$type": "float", "value": "nan"}, 2]]})

# P23, P24: what is left over.
value("P23", "value_below_the_root", "a value is left below the one at the top", NONE + EMPTY_DICT,
      "left on the stack")
value("P23", "open_mark", "a mark is left below the value at the top", MARK + EMPTY_DICT,
      "left on the stack")
WHOLE = PROTO + STATE + STOP
for what, more in (
        ("a_byte", b"\0"), ("another_pickle", PROTO + call("os", "getcwd") + STOP),
        ("the_same_pickle", WHOLE)):
    bad("P24", what + "_behind_stop", f"{what.replace('_', ' ')} behind STOP",
        pickled(WHOLE + more), "Pickle", "follow the pickle's STOP", stage="pickle", record=PICKLE)

# P25: roots of all kinds load; they are no state dict, which load_state_dict says.
for what, code, listing in (
        ("list", array(number(1)), [1]), ("int", number(5), 5), ("text", text("x"), "x"),
        ("none", NONE, None), ("tuple", many(number(1)), {"$type": "tuple", "items": [1]})):
    holds("P25", "root_" + what, f"the whole object is: {what}", code, listing)
twin("P25", "root_tensor", "the whole object is a tensor", file(tensor()),
     {"": listed([1, 2, 3, 4])}, values={"$type": "tensor"})

# P26: a hostile name, and then corruption: the name is what is told, and nothing ran.
HOSTILE = call("os", "system", text("true"))
for what, code in (
        ("an_unknown_instruction", HOSTILE + b"\xff"), ("no_stop", HOSTILE),
        ("too_few_values", HOSTILE + POP + TUPLE3)):
    bad("P26", f"hostile_name_then_{what}", f"os.system, then {what.replace('_', ' ')}",
        pickled(PROTO + code + (b"" if what == "no_stop" else STOP)), "Global", "os.system",
        stage="pickle", record=PICKLE)

# P27, P28: BUILD.
STATE_OF = many(storage(), number(0), numbers(4), numbers(1))
for what, code in (
        ("tuple_of_three_on_an_ordered_dict", ordered() + many(NONE, NONE, NONE) + BUILD),
        ("none_on_an_ordered_dict", ordered() + NONE + BUILD),
        ("dict_on_a_dict", mapping() + mapping() + BUILD),
        ("dict_on_a_list", array() + mapping() + BUILD),
        ("dict_on_a_class", name("torch", "FloatStorage") + mapping(("x", NONE)) + BUILD),
        ("twice", ordered() + mapping() + BUILD + mapping() + BUILD)):
    value("P27", "build_" + what, f"BUILD: {what.replace('_', ' ')}", code, "BUILD is applied to")
object_("P27", "build_on_a_tensor", "BUILD changes a tensor that is whole",
        mapping(("w", tensor() + STATE_OF + BUILD)), "Layout", "changed by BUILD")
value("P27", "build_on_numpy_size", "numpy.size and BUILD, to reach builtins (modelscan#330)",
      name("numpy", "size") + mapping(("x", NONE)) + BUILD, "numpy.size", "Global")
METADATA = ordered(("", mapping(("version", number(1)))))
twin("P28", "metadata", "the _metadata of a state dict",
     file(ordered(("w", tensor())) + mapping(("_metadata", METADATA)) + BUILD), W)
twin("P28", "attributes_of_other_names",
     "__class__ and __dict__ among the attributes: kept as data",
     file(ordered(("w", tensor())) + mapping(("__class__", NONE), ("__dict__", mapping())) +
          BUILD), W)

# P29: aliasing.
holds("P29", "changed_after_it_was_remembered",
      "a list that grows after it was remembered and shared",
      array(EMPTY_LIST + put(0), get(0) + number(1) + APPEND), [[1], [1]])

# P30: size.
value("P30", "string_that_wraps_32_bits", "a length that wraps a 32-bit position",
      b"X" + b"\xfb\xff\xff\xff" + b"abc", "runs past the pickle")
