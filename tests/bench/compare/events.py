"""What the peers are told: `JOB INPUT OUT THREADS` as arguments, the schema, and the fields that each job needs.

Jobs, all over one-minute panes of `ts` (milliseconds):
  W1  tumbling 1 min by page: count, sum(bytes)
  W2  hopping 5 min / 1 min by user: count, avg(latency_ms)
  W3  tumbling 1 min by user, each id once: count, avg(latency_ms)
  W4  tumbling 1 min by page: approximate 0.5 and 0.99 quantiles of latency_ms, approximate number of users
  W5  sessions with gaps of 30 s by user: count, sum(bytes)
  W6  status >= 500, tumbling 1 min by page: count
Rows are `start, key, values...` as CSV without a header, in any order; those of W5 have the end behind the start.
"""

import sys
from types import SimpleNamespace

PANE = 60_000
GAP = 30_000
# name: kind, in the order of a CSV record.
TYPES = {
    "id": "text",
    "ts": "int",
    "page": "text",
    "user": "text",
    "status": "int",
    "bytes": "int",
    "latency_ms": "float",
}
USED = {
    "W1": ["ts", "page", "bytes"],
    "W2": ["ts", "user", "latency_ms"],
    "W3": ["id", "ts", "user", "latency_ms"],
    "W4": ["ts", "page", "user", "latency_ms"],
    "W5": ["ts", "user", "bytes"],
    "W6": ["ts", "page", "status"],
}


def task():
    """The task in the arguments; `fields` are those that are read: for CSV all."""
    job, path, out, threads = sys.argv[1:5]
    is_csv = path.endswith(".csv")
    return SimpleNamespace(
        job=job,
        path=path,
        out=out,
        threads=int(threads),
        is_csv=is_csv,
        fields=list(TYPES) if is_csv else USED[job],
    )
