"""ClickHouse: `peer_chdb.py JOB INPUT OUT THREADS`. Installed by `pip install chdb`."""

import chdb
from events import GAP, PANE, TYPES, task

KINDS = {"text": "String", "int": "Int64", "float": "Float64"}
t = task()
structure = ", ".join(f"{name} {KINDS[TYPES[name]]}" for name in t.fields)
events = f"file('{t.path}', '{'CSVWithNames' if t.is_csv else 'JSONEachRow'}', '{structure}')"
pane = f"intDiv(ts, {PANE}) * {PANE}"

# Five windows an event: counts and sums of one-minute panes are merged, as windrow does.
HOPS = f"""
    SELECT pane - back * {PANE} AS w, user, sum(n), sum(total) / sum(n)
    FROM (SELECT {pane} AS pane, user, count() AS n, sum(latency_ms) AS total FROM {events} GROUP BY pane, user)
    ARRAY JOIN range(5) AS back GROUP BY w, user"""
# One sorted array a user, cut where the gap is too long.
SESSIONS = f"""
    SELECT s[1].1 AS start, s[-1].1 + {GAP} AS end, user, length(s), arraySum(e -> e.2, s)
    FROM (SELECT user, arraySort(groupArray((ts, bytes))) AS visits,
                 arraySplit((e, gap) -> gap > {GAP}, visits, arrayDifference(visits.1)) AS sessions
          FROM {events} GROUP BY user)
    ARRAY JOIN sessions AS s"""
QUERIES = {
    "W1": f"SELECT {pane} AS w, page, count(), sum(bytes) FROM {events} GROUP BY w, page",
    "W2": HOPS,
    # Repeats are copies. DISTINCT, LIMIT 1 BY id and GROUP BY id alone are slower.
    "W3": f"""SELECT w, user, count(), avg(latency)
              FROM (SELECT {pane} AS w, user, id, any(latency_ms) AS latency FROM {events} GROUP BY w, user, id)
              GROUP BY w, user""",
    "W4": f"""SELECT w, page, q[1], q[2], users
              FROM (SELECT {pane} AS w, page, quantilesTDigest(0.5, 0.99)(latency_ms) AS q, uniq(user) AS users
                    FROM {events} GROUP BY w, page)""",
    "W5": SESSIONS,
    "W6": f"SELECT {pane} AS w, page, count() FROM {events} WHERE status >= 500 GROUP BY w, page",
}
settings = {
    "max_threads": t.threads,
    "max_parsing_threads": t.threads,
    "input_format_parallel_parsing": 1,
    "input_format_skip_unknown_fields": 1,
    "engine_file_truncate_on_insert": 1,
}
settings = ", ".join(f"{name} = {value}" for name, value in settings.items())
# Faster than taking the rows as a result and writing them.
chdb.query(f"INSERT INTO FUNCTION file('{t.out}', 'CSV') {QUERIES[t.job]} SETTINGS {settings}")
