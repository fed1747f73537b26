"""DataFusion: `peer_datafusion.py JOB INPUT OUT THREADS`. Installed by `pip install datafusion pyarrow`."""

import pyarrow as pa
from datafusion import RuntimeEnvBuilder, SessionConfig, SessionContext
from events import GAP, PANE, TYPES, task

KINDS = {"text": pa.string_view(), "int": pa.int64(), "float": pa.float64()}
t = task()
schema = pa.schema([(name, KINDS[TYPES[name]]) for name in t.fields])
context = SessionContext(SessionConfig().with_target_partitions(t.threads), RuntimeEnvBuilder())
if t.is_csv:
    context.register_csv("events", t.path, schema=schema, has_header=True)
else:
    context.register_json("events", t.path, schema=schema, file_extension=".ndjson")

pane = f"ts / {PANE} * {PANE}"
# Five windows an event: counts and sums of one-minute panes are merged, as windrow does.
HOPS = f"""
    WITH panes AS (SELECT {pane} AS pane, "user", count(*) AS n, sum(latency_ms) AS total
                   FROM events GROUP BY 1, 2),
    spread AS (SELECT pane, "user", n, total, unnest(range(0, 5)) AS back FROM panes)
    SELECT pane - back * {PANE} AS w, "user", sum(n) AS n, sum(total) / sum(n) AS mean FROM spread GROUP BY 1, 2"""
SESSIONS = f"""
    WITH marked AS (SELECT ts, "user", bytes,
                           CASE WHEN ts - lag(ts) OVER (PARTITION BY "user" ORDER BY ts) <= {GAP} THEN 0 ELSE 1 END
                             AS opens
                    FROM events),
    numbered AS (SELECT ts, "user", bytes,
                        sum(opens) OVER (PARTITION BY "user" ORDER BY ts ROWS UNBOUNDED PRECEDING) AS session
                 FROM marked)
    SELECT min(ts) AS s, max(ts) + {GAP} AS e, "user", count(*) AS n, sum(bytes) AS b
    FROM numbered GROUP BY "user", session"""
QUERIES = {
    "W1": f"SELECT {pane} AS w, page, count(*) AS n, sum(bytes) AS b FROM events GROUP BY 1, 2",
    "W2": HOPS,
    # Repeats are copies. DISTINCT and GROUP BY id alone are slower.
    "W3": f"""SELECT w, "user", count(*) AS n, avg(latency) AS mean
              FROM (SELECT {pane} AS w, "user", id, min(latency_ms) AS latency FROM events GROUP BY 1, 2, 3)
              GROUP BY 1, 2""",
    "W4": f"""SELECT {pane} AS w, page, approx_percentile_cont(latency_ms, 0.5) AS p50,
                     approx_percentile_cont(latency_ms, 0.99) AS p99, approx_distinct("user") AS users
              FROM events GROUP BY 1, 2""",
    "W5": SESSIONS,
    "W6": f"SELECT {pane} AS w, page, count(*) AS n FROM events WHERE status >= 500 GROUP BY 1, 2",
}
context.sql(f"COPY ({QUERIES[t.job]}) TO '{t.out}' STORED AS CSV OPTIONS ('format.has_header' 'false')").collect()
