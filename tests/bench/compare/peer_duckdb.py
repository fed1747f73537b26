"""DuckDB: `peer_duckdb.py JOB INPUT OUT THREADS`. Installed by `pip install duckdb`."""

import duckdb
from events import GAP, PANE, TYPES, task

KINDS = {"text": "VARCHAR", "int": "BIGINT", "float": "DOUBLE"}
t = task()
columns = "{" + ", ".join(f"'{name}': '{KINDS[TYPES[name]]}'" for name in t.fields) + "}"
if t.is_csv:
    events = f"""read_csv('{t.path}', header=true, auto_detect=false, delim=',', quote='', escape='',
                          columns={columns})"""
else:
    events = f"read_json('{t.path}', format='newline_delimited', columns={columns})"

# Five windows an event: counts and sums of one-minute panes are merged, as windrow does.
HOPS = f"""
    WITH panes AS (SELECT ts // {PANE} * {PANE} AS pane, "user", count(*) AS n, sum(latency_ms) AS total
                   FROM {events} GROUP BY ALL)
    SELECT pane - back * {PANE} AS w, "user", sum(n)::BIGINT, sum(total) / sum(n)
    FROM panes, range(5) AS r(back) GROUP BY ALL"""
SESSIONS = f"""
    WITH marked AS (SELECT ts, "user", bytes,
                           CASE WHEN ts - lag(ts) OVER w <= {GAP} THEN 0 ELSE 1 END AS opens
                    FROM {events} WINDOW w AS (PARTITION BY "user" ORDER BY ts)),
    numbered AS (SELECT ts, "user", bytes,
                        sum(opens) OVER (PARTITION BY "user" ORDER BY ts ROWS UNBOUNDED PRECEDING) AS session
                 FROM marked)
    SELECT min(ts), max(ts) + {GAP}, "user", count(*), sum(bytes) FROM numbered GROUP BY "user", session"""
QUERIES = {
    "W1": f"SELECT ts // {PANE} * {PANE} AS w, page, count(*), sum(bytes) FROM {events} GROUP BY ALL",
    "W2": HOPS,
    # Repeats are copies. Grouping by id instead, with any_value, is slower.
    "W3": f"""SELECT ts // {PANE} * {PANE} AS w, "user", count(*), avg(latency_ms)
              FROM (SELECT DISTINCT id, ts, "user", latency_ms FROM {events}) GROUP BY ALL""",
    # Exact quantiles are faster here than approx_quantile, and need less memory.
    "W4": f"""SELECT w, page, q[1], q[2], users
              FROM (SELECT ts // {PANE} * {PANE} AS w, page, quantile_cont(latency_ms, [0.5, 0.99]) AS q,
                           approx_count_distinct("user") AS users
                    FROM {events} GROUP BY ALL)""",
    "W5": SESSIONS,
    "W6": f"SELECT ts // {PANE} * {PANE} AS w, page, count(*) FROM {events} WHERE status >= 500 GROUP BY ALL",
}
db = duckdb.connect()
db.execute(f"SET threads = {t.threads}")
db.execute("SET preserve_insertion_order = false")
db.execute(f"COPY ({QUERIES[t.job]}) TO '{t.out}' (FORMAT csv, HEADER false)")
