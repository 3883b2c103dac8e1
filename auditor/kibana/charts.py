"""Charts: aggregations over a data view, drawn as bars or tables.

These are Kibana's visualisations by aggregation, whose saved form is small and stable: `aggs` names what is counted,
and for each its place in the picture.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditor.kibana.data_views import view_id
from auditor.kibana.saved_object import Json, SavedObject, search_source, text

TOP = 15
"""Rows of a table, or users of a chart; what comes behind them is one `Other`."""


@dataclass(frozen=True, slots=True)
class Chart:
    """`over_time`: bars by time, else a table. `fields`: what rows, or colours, stand for. `sums`: fields that are
    added up in further columns. `unique`: fields whose different values are counted in further columns."""

    name: str
    title: str
    view: str
    query: str
    fields: Sequence[str]
    over_time: bool = False
    sums: Sequence[str] = ()
    unique: Sequence[str] = ()


_EXEC = "event.action:exec AND event.outcome:success"
_FAILED = "event.outcome:failure"

CHARTS = (
    Chart("sessions", "Sessions over time", "recordings", "deleted:false", ("user",), over_time=True),
    Chart("users", "By user", "recordings", "deleted:false", ("user",), sums=("length",), unique=("host",)),
    Chart("hosts", "By host", "recordings", "deleted:false", ("host",), sums=("length",), unique=("user",)),
    Chart("commands", "Commands over time", "texts", "kind:command", ("user",), over_time=True),
    Chart("executables", "Top executables", "messages", _EXEC, ("process.executable",), unique=("user", "rec")),
    Chart("failures", "Failures", "messages", _FAILED, ("event.action", "sessrec.error"), unique=("rec",)),
    Chart("destinations", "Connections to", "messages", "event.action:connect", ("destination.ip",), unique=("rec",)),
    Chart(
        "files", "Files changed", "messages",
        "event.action:(file-create OR file-write OR file-delete OR file-rename OR file-attributes)",
        ("file.path",), unique=("user", "rec"),
    ),
)  # fmt: skip


def chart_id(prefix: str, name: str) -> str:
    """The id of one of CHARTS."""
    return f"{prefix}-chart-{name}"


def charts(prefix: str) -> Iterator[SavedObject]:
    """One for each of CHARTS."""
    for chart in CHARTS:
        meta, references = search_source(chart.query, view_id(prefix, chart.view))
        state = {
            "title": chart.title,
            "type": "histogram" if chart.over_time else "table",
            "aggs": aggregations(chart),
            "params": _BARS if chart.over_time else _TABLE,
        }
        attributes = {
            "title": chart.title,
            "description": "",
            "visState": text(state),
            "uiStateJSON": "{}",
            "version": 1,
            "kibanaSavedObjectMeta": meta,
        }
        yield SavedObject("visualization", chart_id(prefix, chart.name), attributes, references)


def aggregations(chart: Chart) -> list[Json]:
    """What a chart counts, as Kibana keeps it."""
    metrics: list[tuple[str, Json]] = [("count", {})]
    metrics += [("sum", {"field": field}) for field in chart.sums]
    metrics += [("cardinality", {"field": field}) for field in chart.unique]
    found = [
        {"id": str(number), "enabled": True, "type": kind, "schema": "metric", "params": params}
        for number, (kind, params) in enumerate(metrics, 1)
    ]
    if chart.over_time:
        found.append(_bucket(len(found) + 1, "date_histogram", "segment", _BY_TIME))
    for field in chart.fields:
        found.append(_bucket(len(found) + 1, "terms", "group" if chart.over_time else "bucket", _by_value(field)))
    return found


def _bucket(number: int, kind: str, schema: str, params: Json) -> Json:
    return {"id": str(number), "enabled": True, "type": kind, "schema": schema, "params": params}


_BY_TIME: Json = {
    "field": "@timestamp",
    "useNormalizedEsInterval": True,
    "interval": "auto",
    "drop_partials": False,
    "min_doc_count": 1,
    "extended_bounds": {},
}


def _by_value(field: str) -> Json:
    return {
        "field": field,
        "orderBy": "1",
        "order": "desc",
        "size": TOP,
        "otherBucket": True,
        "otherBucketLabel": "Other",
        "missingBucket": False,
        "missingBucketLabel": "Missing",
    }


_TABLE: Json = {
    "perPage": 10,
    "showPartialRows": False,
    "showMetricsAtAllLevels": False,
    "showTotal": False,
    "totalFunc": "sum",
    "percentageCol": "",
}

_BARS: Json = {
    "type": "histogram",
    "addLegend": True,
    "addTimeMarker": False,
    "addTooltip": True,
    "legendPosition": "right",
    "grid": {"categoryLines": False},
    "times": [],
    "categoryAxes": [
        {
            "id": "CategoryAxis-1",
            "type": "category",
            "position": "bottom",
            "show": True,
            "scale": {"type": "linear"},
            "labels": {"show": True, "filter": True, "truncate": 100},
            "title": {},
        }
    ],
    "valueAxes": [
        {
            "id": "ValueAxis-1",
            "name": "LeftAxis-1",
            "type": "value",
            "position": "left",
            "show": True,
            "scale": {"type": "linear", "mode": "normal"},
            "labels": {"show": True, "rotate": 0, "filter": False, "truncate": 100},
            "title": {"text": "Count"},
        }
    ],
    "seriesParams": [
        {
            "show": True,
            "type": "histogram",
            "mode": "stacked",
            "data": {"label": "Count", "id": "1"},
            "valueAxis": "ValueAxis-1",
            "drawLinesBetweenPoints": True,
            "lineWidth": 2,
            "showCircles": True,
        }
    ],
}
