"""A time line of sessions, in Vega: a bar for each session, and on it marks of what happened, which open the player
at their moment.

Kibana fills the queries in: `%dashboard_context-...%` is what the dashboard is filtered by, `%timefilter%` its time.
Links outside of Kibana it follows only where kibana.yml has `vis_type_vega.enableExternalUrls: true`.
"""

from auditor.elasticsearch.layout import RECORDINGS, TEXTS, Names
from auditor.kibana.saved_object import Json, PlayerUrl, SavedObject, text

SESSIONS = 40
"""Rows: the latest sessions of the time that the dashboard shows."""

MARKS = 3000
"""What happened in them, the latest first. Elasticsearch gives 10,000 at most."""

KINDS = ("command", "exec", "file", "network", "other")
"""Kinds of lines that are marks, in the order in which they are drawn over each other, the last on top."""

_COLOURS = ("#6092c0", "#54b399", "#d6bf57", "#9170b8", "#e7664c")


def time_line_id(prefix: str) -> str:
    """The id of the visualisation."""
    return f"{prefix}-vega-time-line"


def time_line(prefix: str, player: PlayerUrl | None) -> SavedObject:
    """The visualisation."""
    state = {
        "title": "Time line",
        "type": "vega",
        "aggs": [],
        "params": {"spec": text(specification(prefix, player))},
    }
    attributes = {
        "title": "Time line",
        "description": "Sessions, and what happened in them; a mark opens the player at its moment.",
        "visState": text(state),
        "uiStateJSON": "{}",
        "version": 1,
        "kibanaSavedObjectMeta": {
            "searchSourceJSON": text({"query": {"query": "", "language": "lucene"}, "filter": []})
        },
    }
    return SavedObject("visualization", time_line_id(prefix), attributes)


def specification(prefix: str, player: PlayerUrl | None) -> Json:
    """The specification, as Kibana reads it."""
    names = Names(prefix)
    sessions = _query(
        names.of(RECORDINGS), {"term": {"deleted": False}}, SESSIONS,
        ["rec", "user", "host", "start", "length", "command", "ended"],
    )  # fmt: skip
    marks = _query(
        names.of(TEXTS), {"terms": {"kind": list(KINDS)}}, MARKS, ["rec", "kind", "at", "text", "user", "host"]
    )
    return {
        "$schema": "https://vega.github.io/schema/vega/v5.json",
        "autosize": {"type": "fit", "contains": "padding"},
        "config": {"kibana": {"tooltips": True}},
        "data": [
            {
                "name": "sessions",
                "url": sessions,
                "format": {"property": "hits.hits"},
                "transform": [
                    _formula("datum._source.rec", "rec"),
                    _formula("datum._source.user + ' on ' + datum._source.host", "who"),
                    _formula("datum._source.start * 1000", "begin"),
                    # One that has only begun is to be seen as well.
                    _formula("datum.begin + max(1000, datum._source.length)", "end"),
                    *_link(player, "0"),
                ],
            },
            {
                "name": "marks",
                "url": marks,
                "format": {"property": "hits.hits"},
                "transform": [
                    _formula("datum._source.rec", "rec"),
                    _formula("datum._source.kind", "kind"),
                    _formula("toNumber(datum._source.at)", "at"),
                    {
                        "type": "lookup",
                        "from": "sessions",
                        "key": "rec",
                        "fields": ["rec"],
                        "values": ["begin", "who"],
                        "as": ["begin", "who"],
                    },
                    # Of a session that is not among those that are shown.
                    {"type": "filter", "expr": "isValid(datum.begin)"},
                    _formula("datum.begin + datum.at", "when"),
                    *_link(player, "datum.at"),
                ],
            },
        ],
        "scales": [
            {
                "name": "time",
                "type": "time",
                "range": "width",
                "domain": {"signal": _SPAN},
            },
            {
                "name": "row",
                "type": "band",
                "range": "height",
                "paddingInner": 0.3,
                "domain": {"data": "sessions", "field": "rec"},
            },
            {"name": "who", "type": "ordinal", "domain": {"data": "sessions", "field": "rec"}, "range": _WHO},
            {"name": "colour", "type": "ordinal", "domain": list(KINDS), "range": list(_COLOURS)},
        ],
        "axes": [
            {"orient": "bottom", "scale": "time"},
            {
                "orient": "left",
                "scale": "row",
                "domain": False,
                "ticks": False,
                "labelLimit": 300,
                "encode": {"labels": {"update": {"text": {"signal": "scale('who', datum.value)"}}}},
            },
        ],
        "legends": [{"fill": "colour", "orient": "top", "direction": "horizontal", "symbolType": "circle"}],
        "marks": [_bars(player), _dots(player)],
    }


_SPAN = (
    "length(data('sessions')) "
    "? [extent(pluck(data('sessions'), 'begin'))[0], extent(pluck(data('sessions'), 'end'))[1]] "
    ": [now() - 3600000, now()]"
)
"""From the first session's beginning to the last's end; without sessions there is nothing to take it from."""

_WHO: Json = {"data": "sessions", "field": "who"}

_LINKED = ("href", {"field": "link"}), ("cursor", {"value": "pointer"})


def _bars(player: PlayerUrl | None) -> Json:
    tip = "{'session': datum.who, 'recording': datum.rec, 'command': join(datum._source.command || [], ' ')}"
    update: Json = {
        "x": {"scale": "time", "field": "begin"},
        "x2": {"scale": "time", "field": "end"},
        "y": {"scale": "row", "field": "rec"},
        "height": {"scale": "row", "band": 1},
        "fill": {"value": "#98a2b3"},
        "fillOpacity": {"value": 0.35},
        "tooltip": {"signal": tip},
    }
    return {"type": "rect", "from": {"data": "sessions"}, "encode": {"update": update | _links(player)}}


def _dots(player: PlayerUrl | None) -> Json:
    tip = "{'session': datum.who, 'kind': datum.kind, 'text': truncate(datum._source.text, 300)}"
    update: Json = {
        "x": {"scale": "time", "field": "when"},
        "y": {"scale": "row", "field": "rec", "band": 0.5},
        "size": {"value": 60},
        "shape": {"value": "circle"},
        "fill": {"scale": "colour", "field": "kind"},
        "fillOpacity": {"value": 0.8},
        "tooltip": {"signal": tip},
    }
    return {"type": "symbol", "from": {"data": "marks"}, "encode": {"update": update | _links(player)}}


def _links(player: PlayerUrl | None) -> Json:
    return {} if player is None else dict(_LINKED)


def _query(index: str, which: Json, size: int, fields: list[str]) -> Json:
    """Documents of the dashboard's time and filters, the latest first."""
    return {
        "index": index,
        "body": {
            "size": size,
            "_source": fields,
            "sort": [{"@timestamp": "desc"}],
            "query": {
                "bool": {
                    "must": [
                        "%dashboard_context-must_clause%",
                        which,
                        {"range": {"@timestamp": {"%timefilter%": True}}},
                    ],
                    "filter": ["%dashboard_context-filter_clause%"],
                    "must_not": ["%dashboard_context-must_not_clause%"],
                }
            },
        },
    }


def _formula(expression: str, name: str) -> Json:
    return {"type": "formula", "expr": expression, "as": name}


def _link(player: PlayerUrl | None, moment: str) -> list[Json]:
    """The player's address as an expression. Vega cannot encode a part of an address; what would end it, or be read
    as another part of it, is replaced one by one. A recording's id mostly has none of these."""
    if player is None:
        return []
    rec = "datum.rec"
    for char in '%/?#&+"<> ':
        rec = f"replace({rec}, regexp('[{char}]', 'g'), '%{ord(char):02X}')"
    parts = []
    for part in _split(player.template):
        parts.append({"{{value}}": rec, "{{at}}": f"toString({moment})"}.get(part, f"'{part}'"))
    return [_formula(" + ".join(parts), "link")]


def _split(template: str) -> list[str]:
    """The template in its texts and its two placeholders."""
    parts = [template]
    for placeholder in ("{{value}}", "{{at}}"):
        parts = [piece for part in parts for piece in _around(part, placeholder)]
    return [part for part in parts if part]


def _around(part: str, placeholder: str) -> list[str]:
    pieces: list[str] = []
    for piece in part.split(placeholder):
        pieces += [piece, placeholder]
    return pieces[:-1]
