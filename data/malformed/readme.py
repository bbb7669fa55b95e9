"""README.md: the catalogue as a table."""

from catalogue import ELSEWHERE, REMARKS, ROWS

HEAD = """# Malformed files
Files with one defect each, named by the row of the attack catalogue that they belong to and by the
defect; `ROW_twin_*` are the nearest files that are fine, so that nobody passes by refusing
everything. [make.py](make.py) writes all of it, this page included: {kept} files lie here, {large}
more are written by the test, as they are too large to keep. [expected.json](expected.json) says
what each must get; `//tests/malformed/...` holds it, with a bound on memory.

*here* is the kind of error that `hardload verify` gives; "Device" is found when the storages are
placed. *torch* is what `torch.load(file)` of torch 2.11.0 did, measured by
`./bazelw run //bench:malformed`, each file in a process of its own with {memory} GiB beside what
torch takes: "loads" means without a word, "but other values" that they are not those that were
saved; behind "then", what happened when the tensors were read. Of safetensors files it is what
`safetensors.torch.load_file(file)` of safetensors 0.8.0 did, of TorchScript archives what
`torch::jit::load(file)` did. [JOIN.md](JOIN.md) says how other loaders are asked.

Of the {refused} malformed files torch, or safetensors, loads {silent} without a word, {others} of
them with other values; {crashes} crash it while they are loaded, or read.

"""
OTHERS = "loads, but other values"
ROWS_HEAD = "| row | about | files | or where it is tested; remarks |\n|---|---|---|---|\n"
FILES_HEAD = "| file | what is special | here | torch, safetensors |\n|---|---|---|---|\n"


def text(cases, torch):
    kept = [case for case in cases if not case.get("at_run_time")]
    refused = [case["file"] for case in cases if "loads" not in case]
    answers = [torch.get(file, "") for file in refused]
    out = HEAD.format(kept=len(kept), large=len(cases) - len(kept), memory=2, refused=len(refused),
                      silent=sum(answer in ("loads", OTHERS) for answer in answers),
                      others=answers.count(OTHERS),
                      crashes=sum(answer.startswith("crashes") for answer in answers))
    out += "## Rows\n" + ROWS_HEAD
    for row, about in ROWS.items():
        of_row = [case for case in cases if case["row"] == row]
        twins = sum("loads" in case for case in of_row)
        count = f"{len(of_row) - twins} and {twins} that load" if of_row else "none"
        notes = " ".join(filter(None, [ELSEWHERE.get(row), REMARKS.get(row)]))
        out += f"| {row} | {about} | {count} | {notes} |\n"
    out += "\n## Files\n" + FILES_HEAD
    for case in cases:
        about = _cell(case["about"])
        if case.get("at_run_time"):
            about += " *(written by the test)*"
        out += (f"| {case['file']} | {about} | {_here(case)} | "
                f"{_cell(torch.get(case['file'], '-'))} |\n")
    return out


def _here(case):
    kind = "loads" if "loads" in case else case["kind"]
    if "digest" in case:
        kind += f"; {case['digest']} where all elements are read"
    return kind


def _cell(value):
    return value.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
