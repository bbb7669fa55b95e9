"""The table of what each case costs: what is in it, and what differs from it.

    {"margins":   {counter: the part by which it may differ},
     "made_with": what the counts depend on besides the code,
     "cases":     {case: {counter: count}},
     "changes":   [{"date", "reason", "moved": {case: {counter: [before, after]}}, "digest"}]}

A change of the table is an entry of "changes", the newest last, whose digest is that of the table as
it then was: an edit by hand, without a reason, is found out.
"""

import dataclasses
import hashlib
import json

PARTS = {"margins", "made_with", "cases", "changes"}
MORE_IS_BETTER = {"huge_page_bytes"}
RECORD = './bazelw run //bench:gate_record -- --reason "..."'


@dataclasses.dataclass(frozen=True)
class Difference:
    case: str
    counter: str
    before: int
    after: int
    margin: float

    @property
    def is_loss(self):
        return (self.after > self.before) != (self.counter in MORE_IS_BETTER)

    def __str__(self):
        change = f"{self.after / self.before - 1:+.2%}" if self.before else "from nothing"
        kind = "a loss" if self.is_loss else "a win that is not recorded"
        return (f"{self.case}: {self.counter} {self.before:,} -> {self.after:,} ({change}, "
                f"margin {self.margin:.1%}): {kind}")


def digest(table):
    """Of everything but the list of changes."""
    content = {key: value for key, value in table.items() if key != "changes"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def problems(table):
    """What is wrong with the table itself."""
    found = []
    if set(table) != PARTS:
        return [f"the table has the parts {sorted(table)} instead of {sorted(PARTS)}"]
    for case, counters in table["cases"].items():
        if set(counters) != set(table["margins"]):
            found.append(f"{case}: counters {sorted(counters)}, margins {sorted(table['margins'])}")
    if not table["changes"]:
        found.append("the table has no reason for being as it is")
    for change in table["changes"]:
        if not change["reason"].strip():
            found.append(f"the change of {change['date']} has no reason")
    if table["changes"] and table["changes"][-1]["digest"] != digest(table):
        found.append(f"the table was changed without a reason; {RECORD}")
    return found


def differences(table, measured):
    """Counts outside their margin, to either side. Cases that only one side has are not looked at."""
    found = []
    for case, before in table["cases"].items():
        for counter, margin in table["margins"].items():
            if case in measured:
                old, new = before[counter], measured[case][counter]
                if abs(new - old) > margin * old:
                    found.append(Difference(case, counter, old, new, margin))
    return found


def verdict(table, measured, made_with):
    """Everything for which the gate fails, as lines of text."""
    lines = problems(table)
    for key in sorted(set(table["made_with"]) | set(made_with)):
        before, now = table["made_with"].get(key), made_with.get(key)
        if before != now:
            lines.append(f"the table was made with {key} {before}, this is {now}: counts cannot be "
                         f"compared; {RECORD}")
    for case in sorted(set(table["cases"]) - set(measured)):
        lines.append(f"{case}: the case is gone, but in the table; {RECORD}")
    for case in sorted(set(measured) - set(table["cases"])):
        lines.append(f"{case}: the case is not in the table; {RECORD}")
    return lines + [str(difference) for difference in differences(table, measured)]


def recorded(table, measured, made_with, reason, date):
    """The table with what was measured, where it differs by more than the margin, and why."""
    if not reason.strip():
        raise ValueError("a change of the table needs a reason")
    moved, cases = {}, {}
    outside = {(found.case, found.counter) for found in differences(table, measured)}
    is_other_setting = made_with != table["made_with"]
    for case, counters in measured.items():
        before = table["cases"].get(case, {})
        cases[case] = {}
        for counter in table["margins"]:
            is_kept = (counter in before and (case, counter) not in outside and
                       not is_other_setting)
            cases[case][counter] = before[counter] if is_kept else counters[counter]
            if cases[case][counter] != before.get(counter):
                moved.setdefault(case, {})[counter] = [before.get(counter), cases[case][counter]]
    for case in set(table["cases"]) - set(measured):
        moved[case] = "gone"
    new = {"margins": table["margins"], "made_with": made_with, "cases": cases,
           "changes": list(table["changes"])}
    new["changes"].append({"date": date, "reason": reason, "moved": moved, "digest": digest(new)})
    return new


def as_text(table):
    """JSON with one line a case and a counter's move, so that a change of it reads well."""
    def entries(items):
        return ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in items)
    changes = []
    for change in table["changes"]:
        head = {key: change[key] for key in ("date", "reason", "digest")}
        moved = ",\n".join(f"    {json.dumps(key)}: {json.dumps(value)}"
                           for key, value in change["moved"].items())
        changes.append("  " + json.dumps(head)[:-1] + ', "moved": {\n' + moved + "}}")
    return ("{\n" + f' "margins": {json.dumps(table["margins"])},\n'
            f' "made_with": {json.dumps(table["made_with"])},\n'
            ' "cases": {\n' + entries(table["cases"].items()) + "},\n"
            ' "changes": [\n' + ",\n".join(changes) + "]\n}\n")
