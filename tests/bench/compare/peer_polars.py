"""Polars: `peer_polars.py JOB INPUT OUT THREADS`. Installed by `pip install polars`."""

import os

from events import GAP, PANE, TYPES, task

t = task()
os.environ["POLARS_MAX_THREADS"] = str(t.threads)
import polars as pl  # noqa: E402 (it reads the number of threads when it is loaded)

KINDS = {"text": pl.String, "int": pl.Int64, "float": pl.Float64}
schema = {name: KINDS[kind] for name, kind in TYPES.items()}
if t.is_csv:
    events = pl.scan_csv(t.path, schema=schema, quote_char=None)
else:
    events = pl.scan_ndjson(t.path, schema={name: schema[name] for name in t.fields})
pane = (pl.col("ts") // PANE * PANE).alias("w")
latency = pl.col("latency_ms")


def hops():
    """Five windows an event: counts and sums of one-minute panes are merged, as windrow does."""
    panes = events.group_by(pane, "user").agg(pl.len().alias("n"), latency.sum().alias("total"))
    backs = pl.lit(pl.Series([[back * PANE for back in range(5)]]))
    spread = panes.with_columns(back=backs).explode("back").with_columns(w=pl.col("w") - pl.col("back"))
    return spread.group_by("w", "user").agg(pl.col("n").sum(), mean=pl.col("total").sum() / pl.col("n").sum())


def sessions():
    """Sorted by user and time, a session opens where the user changes or the gap is too long."""
    ordered = events.select("user", "ts", "bytes").sort("user", "ts")
    opens = (pl.col("user") != pl.col("user").shift()) | (pl.col("ts").diff() > GAP)
    numbered = ordered.with_columns(session=opens.fill_null(True).cum_sum())
    return numbered.group_by("session").agg(
        pl.col("ts").min().alias("start"),
        (pl.col("ts").max() + GAP).alias("end"),
        pl.col("user").first(),
        pl.len().alias("n"),
        pl.col("bytes").sum(),
    ).drop("session")


if t.job == "W1":
    rows = events.group_by(pane, "page").agg(pl.len().alias("n"), pl.col("bytes").sum())
elif t.job == "W2":
    rows = hops()
elif t.job == "W3":
    # Repeats are copies. `subset="id"` is slower.
    rows = events.select("id", "ts", "user", "latency_ms").unique(keep="any")
    rows = rows.group_by(pane, "user").agg(pl.len().alias("n"), latency.mean())
elif t.job == "W4":
    rows = events.group_by(pane, "page").agg(
        latency.quantile(0.5, "linear").alias("p50"),
        latency.quantile(0.99, "linear").alias("p99"),
        pl.col("user").approx_n_unique(),
    )
elif t.job == "W5":
    rows = sessions()
else:
    rows = events.filter(pl.col("status") >= 500).group_by(pane, "page").agg(pl.len().alias("n"))
# The engine in memory is as fast on some jobs and slower on others.
rows.sink_csv(t.out, include_header=False, engine="streaming")
