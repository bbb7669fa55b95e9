"""Turns what peers made of the files into tables, JSON, and a page that needs nothing else."""

import collections
import html
import json
import re
import urllib.parse

import malformed_cells as cells
import malformed_files

ATTACKED = (cells.REFUSED, cells.ACCEPTED, cells.WRONG, cells.CRASHED, cells.HUNG, cells.MEMORY,
            cells.CAUGHT)
LONGEST_WORDS = 300


def entry(file):
    """What a result says of a file, whatever peers make of it."""
    return {"name": file.name, "group": file.group, "row": file.row, "about": file.about,
            "format": file.format, "hostile": file.is_hostile, "kept": file.kept}


def shown(text):
    """Text of a hostile file on one line: what is no plain character is escaped."""
    plain = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))
    return plain if len(plain) <= LONGEST_WORDS else plain[:LONGEST_WORDS] + "..."


def counts(result, peer, group=None):
    """Of the malformed files, or of those of a group: how many are of each class."""
    made = collections.Counter()
    for file in result["files"]:
        if file["hostile"] and group in (None, file["group"]):
            made[result["cells"][peer][file["name"]][0]] += 1
    return made


def benign(result, peer):
    """Of the files that are fine: how many it was asked about, and how many it did not give."""
    made = [result["cells"][peer][file["name"]][0] for file in result["files"]
            if not file["hostile"]]
    asked = [kind for kind in made if kind in ATTACKED]
    return len(asked), sum(kind != cells.ACCEPTED for kind in asked)


def title_of(peer):
    return shown(" ".join(filter(None, [peer["title"], peer["version"]])))


def summary(result):
    """The table of peers: a head, and a row of text for each."""
    head = ["peer", "malformed files", *ATTACKED, "fine files", "not given"]
    rows = []
    for name, peer in result["peers"].items():
        if peer["not_run"]:
            rows.append([title_of(peer), "not run"] + [""] * (len(head) - 2))
            continue
        made, (asked, lost) = counts(result, name), benign(result, name)
        share = f"{lost} ({100 * lost / asked:.1f} %)" if asked else ""
        rows.append([title_of(peer), sum(made[kind] for kind in ATTACKED),
                     *[made[kind] for kind in ATTACKED], asked, share])
    return head, [[str(cell) for cell in row] for row in rows]


def groups(result):
    """The table of groups of rows: how many of the malformed files each peer refuses."""
    head = ["malformed files, refused", *map(shown, result["peers"])]
    rows = []
    for letter, about in malformed_files.GROUPS.items():
        row = [f"{letter} {about}"]
        for peer in result["peers"]:
            made = counts(result, peer, letter)
            asked = sum(made[kind] for kind in ATTACKED)
            row.append(f"{made[cells.REFUSED]} of {asked}" if asked else cells.NOT_MEANT)
        if any(cell != cells.NOT_MEANT for cell in row[1:]):
            rows.append(row)
    return head, rows


def notes(result):
    """What has to be said beside the tables."""
    for name, peer in result["peers"].items():
        if peer["not_run"]:
            yield shown(f"{name}: not run: {peer['not_run']}")
        for text in peer["missing"]:
            yield shown(f"{name}: its jail had {text}")


def _columns(head, rows):
    """A table that is Markdown as well."""
    lines = [[cell.replace("|", "\\|") for cell in line] for line in [head, *rows]]
    widths = [max(map(len, column)) for column in zip(*lines)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
                     for line in lines)


def as_text(result):
    parts = [_columns(*summary(result)), _columns(*groups(result)), "\n".join(notes(result))]
    return "\n\n".join(filter(None, parts)) + "\n"


def as_json(result):
    return json.dumps(result, indent=0) + "\n"


def as_matrix(result):
    """The classes alone: for each file a string, in which each peer has a letter."""
    letter = {name: code for name, (code, _) in cells.CLASSES.items()}
    matrix = {file["name"]: "".join(letter[made[file["name"]][0]] for made in
                                    result["cells"].values()) for file in result["files"]}
    head, rows = summary(result)
    return json.dumps({"limits": result["limits"],
                       "classes": {code: name for name, code in letter.items()},
                       "peers": [title_of(peer) for peer in result["peers"].values()],
                       "summary": [head, *rows], "cells": matrix}, indent=0) + "\n"


# Whose words data/malformed/README.md shows, each of the formats that those before it do not read.
ANSWERING = ("torch_load", "safetensors_load", "jit_load")


def answers(result):
    """{file: what torch and safetensors said}, for data/malformed/torch.json."""
    limits = result["limits"]
    out = {}
    for file in result["files"]:
        of_file = [result["cells"][peer][file["name"]] for peer in ANSWERING
                   if peer in result["cells"]]
        made = [(kind, words) for kind, words in of_file if kind in ATTACKED]
        if not file["row"] or not made:
            continue
        kind, words = made[0]
        words = re.split(r"(?<=[a-z)'])\. (?=[A-Z])|This file can still be loaded", shown(words))[0]
        words = words if len(words) <= 130 else words[:130] + "..."
        out[file["name"].removeprefix("malformed/")] = {
            cells.ACCEPTED: words or "loads", cells.WRONG: "loads, but other values",
            cells.CRASHED: "crashes: " + words, cells.HUNG: f"no answer in {limits['seconds']:g} s",
            cells.MEMORY: f"needs over {limits['gib']:g} GiB: " + words,
            cells.CAUGHT: "breaks out: " + words,
        }.get(kind, words)
    return out


STYLE = """
:root { color-scheme: light dark; --line: #8886; --good: #2a7d4f; --bad: #c0392b; --odd: #a66a00; }
@media (prefers-color-scheme: dark) { :root { --good: #6fcf97; --bad: #ff8a7a; --odd: #f2c14e; } }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em; }
p, ul { max-width: 60em; } table { border-collapse: collapse; margin: 1.5em 0; }
td, th { padding: .25em .6em; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
th { position: sticky; top: 0; background: Canvas; } td.number { text-align: right; }
td small { display: block; max-width: 22em; overflow-wrap: anywhere; opacity: .75; }
td:first-child { max-width: 24em; overflow-wrap: anywhere; }
.good, .good a { color: var(--good); } .bad, .bad a { color: var(--bad); font-weight: 600; }
.odd, .odd a { color: var(--odd); } .none { opacity: .5; }
"""


def _colour(kind, hostile):
    if kind in (cells.NOT_RUN, cells.NOT_MEANT):
        return "none"
    if kind == (cells.REFUSED if hostile else cells.ACCEPTED):
        return "good"
    return "odd" if kind in (cells.REFUSED, cells.ACCEPTED) else "bad"


def escaped(text):
    return html.escape(shown(text))


def _table(head, rows):
    out = "<table><tr>" + "".join(f"<th>{escaped(cell)}" for cell in head) + "\n"
    for row in rows:
        out += f"<tr><td>{escaped(row[0])}" + "".join(
            f"<td class=number>{escaped(cell)}" for cell in row[1:]) + "\n"
    return out + "</table>\n"


def _link(file, links, text):
    if not file["kept"] or file["group"] == "real":
        return escaped(text)
    folder, _, name = file["name"].partition("/")
    quoted = urllib.parse.quote(name, safe="", errors="backslashreplace")
    address = f"{links}/{folder}/{quoted}"
    return f'<a href="{html.escape(address)}">{escaped(text)}</a>'


def _matrix(result, files, links):
    out = "<table><tr><th>file" + "".join(f"<th>{escaped(title_of(peer))}"
                                          for peer in result["peers"].values()) + "\n"
    for file in files:
        out += f"<tr><td>{_link(file, links, file['name'])}<small>{escaped(file['about'])}</small>"
        for made in result["cells"].values():
            kind, words = made[file["name"]]
            said = f"<small>{escaped(words)}</small>" if words else ""
            out += (f"<td class={_colour(kind, file['hostile'])}>"
                    f"{kind if kind == cells.NOT_MEANT else _link(file, links, kind)}{said}")
        out += "\n"
    return out + "</table>\n"


def as_html(result, links="../data"):
    """The page; `links`: the way from it to the folder data/."""
    limits = result["limits"]
    meanings = "".join(f"<li><b>{html.escape(name)}</b>: {html.escape(meaning)}"
                       for name, (_, meaning) in cells.CLASSES.items())
    said = "".join(f"<li>{html.escape(note)}" for note in notes(result))
    hostile = [file for file in result["files"] if file["hostile"]]
    fine = [file for file in result["files"] if not file["hostile"]]
    return (f"<!doctype html><html lang=en><meta charset=utf-8><title>hardload: malformed files</title>"
            f"<style>{STYLE}</style><h1>Malformed files</h1>"
            f"<p>Each file was loaded in a jailed process of its own, within {limits['seconds']:g} s of "
            f"processor time and {limits['gib']:g} GiB. A malformed file should be refused, a fine one be given as "
            "it was saved. Some malformed files are taken on purpose by loaders that are looser "
            "than hardload: data/DECISIONS.md says why it is not.</p>"
            f"<ul>{meanings}</ul>{_table(*summary(result))}{_table(*groups(result))}<ul>{said}</ul>"
            f"<h2>Malformed</h2>{_matrix(result, hostile, links)}"
            f"<h2>Fine</h2>{_matrix(result, fine, links)}")
