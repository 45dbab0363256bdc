"""Reads an exposition from standard input with Prometheus' own parsers for Python, and writes its samples as JSON lines.

read-metrics.py text | openmetrics
"""

import json
import sys

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client import parser as text

parse = {"text": text, "openmetrics": openmetrics}[sys.argv[1]].text_string_to_metric_families
for family in parse(sys.stdin.read()):
    for sample in family.samples:
        exemplar = sample.exemplar
        print(
            json.dumps(
                {
                    "family": family.name,
                    "type": family.type,
                    "unit": family.unit,
                    "name": sample.name,
                    "labels": sample.labels,
                    "value": sample.value if abs(sample.value) != float("inf") else str(sample.value),
                    "exemplar": exemplar and exemplar.labels,
                }
            )
        )
