"""A row for each revision that was measured, as CSV that Apache Otava reads.

The columns are time, commit and a metric for each case, in seconds: less is better.
"""

import csv
import datetime
import pathlib
import re

FIXED = ["time", "commit"]


def column(case):
    """The name of a case's column: Otava's table takes a space for the end of a name."""
    return re.sub(r"\W+", "_", case)


def append(path, commit, metrics, time=None):
    """Adds a row; the file is made where there is none. Its metrics have to be those of the file."""
    path = pathlib.Path(path)
    metrics = {column(case): value for case, value in metrics.items()}
    columns = [*FIXED, *metrics]
    is_new = not path.exists() or path.stat().st_size == 0
    if not is_new and (there := columns_of(path)) != columns:
        raise ValueError(f"{path} has the columns {there}, this row has {columns}: begin a new file")
    time = time or datetime.datetime.now(datetime.timezone.utc)
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(columns)
        writer.writerow([time.strftime("%Y-%m-%d %H:%M:%S %z"), commit,
                         *(f"{value:.6g}" for value in metrics.values())])


def columns_of(path):
    with open(path, newline="") as file:
        return next(csv.reader(file))


def otava_config(path):
    """What tells Otava how to read the file: as YAML, of which JSON is a part."""
    path = pathlib.Path(path).resolve()
    metrics = "\n".join(f'      "{name}": {{column: "{name}", direction: -1, scale: 1}}'
                        for name in columns_of(path)[len(FIXED):])
    return f"""tests:
  hardload:
    type: csv
    file: "{path}"
    time_column: time
    attributes: [commit]
    metrics:
{metrics}
    csv_options:
      delimiter: ","
      quote_char: '"'
"""
