"""Prometheus reads what is written, whatever is in it."""

import shutil
import subprocess

import pytest

from gogooku.core.exposition import Metric, MetricKind, Sample, exposition

NASTY = 'a "quoted" \\ back\nslash'


def test_texts_are_escaped():
    text = exposition([Metric("x_total", MetricKind.COUNTER, NASTY, [Sample(1, {"l": NASTY})])])
    assert text == (
        '# HELP x_total a "quoted" \\\\ back\\nslash\n'
        "# TYPE x_total counter\n"
        'x_total{l="a \\"quoted\\" \\\\ back\\nslash"} 1\n'
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.1 + 0.2, "0.30000000000000004"),
        (1e18, "1e+18"),
        (3.0, "3"),
        (float("nan"), "NaN"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
    ],
)
def test_numbers_lose_nothing(value, said):
    text = exposition([Metric("x", MetricKind.GAUGE, "An x.", [Sample(value)])])
    assert text.splitlines()[-1] == f"x {said}"


@pytest.mark.parametrize(("name", "label"), [("1x", "l"), ("x y", "l"), ("x", "l-l"), ("x", "")])
def test_a_name_that_the_format_does_not_allow_is_refused(name, label):
    with pytest.raises(ValueError, match="is no name of a"):
        exposition([Metric(name, MetricKind.GAUGE, "An x.", [Sample(1, {label: "v"})])])


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="no promtool here (Debian package prometheus)"
)
def test_promtool_reads_it():
    buckets = [Sample(n, {"le": end}, "_bucket") for n, end in ((1, "0.1"), (2, "+Inf"))]
    whole = [*buckets, Sample(0.3, suffix="_sum"), Sample(2, suffix="_count")]
    metrics = [
        Metric("x_seconds", MetricKind.HISTOGRAM, "Seconds of x.", whole),
        Metric("y_total", MetricKind.COUNTER, "Ys.", [Sample(1, {"l": NASTY})]),
    ]
    command = ["promtool", "check", "metrics"]
    told = subprocess.run(
        command, input=exposition(metrics), text=True, capture_output=True, check=False
    )
    assert (told.returncode, told.stderr) == (0, "")
    broken = exposition(metrics).replace('"0.1"', '"0.1')
    assert (
        subprocess.run(
            command, input=broken, text=True, capture_output=True, check=False
        ).returncode
        != 0
    )
