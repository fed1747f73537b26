"""Reads metrics with the parser of Prometheus' own Python client: python read_metrics.py FILE.prom..."""

import sys

from prometheus_client.parser import text_string_to_metric_families

for path in sys.argv[1:]:
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    families = list(text_string_to_metric_families(text))
    samples = [sample for family in families for sample in family.samples]
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    series = {(sample.name, tuple(sorted(sample.labels.items()))) for sample in samples}
    assert len(samples) == len(lines) == len(series) > 50, (path, len(samples), len(lines), len(series))
    assert all(family.type in ("counter", "gauge", "histogram") and family.documentation for family in families), path
    assert all(sample.timestamp is None and sample.labels["x"] == 'a\\b"c' for sample in samples), path
    print(f"{path}: {len(families)} families, {len(samples)} samples")
