"""Everything that is imported into Kibana."""

from collections.abc import Iterator

from auditor.kibana.charts import chart_id, charts
from auditor.kibana.data_views import data_views
from auditor.kibana.saved_object import Json, PlayerUrl, Reference, SavedObject, search_source, text
from auditor.kibana.searches import saved_searches, search_id
from auditor.kibana.time_line import time_line, time_line_id

_COLUMNS = 48
"""Of a dashboard's grid."""


def saved_objects(prefix: str, player_url: str | None = None) -> Iterator[Json]:
    """The objects for the store with this prefix, each after those that it refers to. Raises PlayerUrlError."""
    player = PlayerUrl.read(player_url)
    for each in (
        *data_views(prefix, player),
        *saved_searches(prefix),
        *charts(prefix),
        time_line(prefix, player),
        _dashboard(prefix),
    ):
        yield each.as_json()


def _dashboard(prefix: str) -> SavedObject:
    """Rows of panels: type, id, columns of the grid."""
    rows = [
        (
            12,
            [
                ("visualization", chart_id(prefix, "sessions"), 24),
                ("visualization", chart_id(prefix, "commands"), 24),
            ],
        ),
        (18, [("visualization", time_line_id(prefix), _COLUMNS)]),
        (
            14,
            [
                ("visualization", chart_id(prefix, "users"), 16),
                ("visualization", chart_id(prefix, "hosts"), 16),
                ("visualization", chart_id(prefix, "executables"), 16),
            ],
        ),
        (
            14,
            [
                ("visualization", chart_id(prefix, "failures"), 16),
                ("visualization", chart_id(prefix, "files"), 16),
                ("visualization", chart_id(prefix, "destinations"), 16),
            ],
        ),
        (15, [("search", search_id(prefix, "alerts"), 24), ("search", search_id(prefix, "failures"), 24)]),
        (18, [("search", search_id(prefix, "sessions"), 24), ("search", search_id(prefix, "commands"), 24)]),
    ]
    panels: list[Json] = []
    references: list[Reference] = []
    top = 0
    for height, row in rows:
        left = 0
        for kind, id, width in row:
            panel = f"p{len(panels) + 1}"
            panels.append(
                {
                    "version": "8.9.0",
                    "type": kind,
                    "gridData": {"x": left, "y": top, "w": width, "h": height, "i": panel},
                    "panelIndex": panel,
                    "embeddableConfig": {"enhancements": {}},
                    "panelRefName": f"panel_{panel}",
                }
            )
            references.append(Reference(f"{panel}:panel_{panel}", kind, id))
            left += width
        top += height
    meta, _ = search_source("", None)
    attributes = {
        "title": "Session recording",
        "description": "Who was recorded where, what was run there, and what failed.",
        "panelsJSON": text(panels),
        "optionsJSON": text(
            {"useMargins": True, "syncColors": True, "syncTooltips": False, "hidePanelTitles": False}
        ),
        "timeRestore": True,
        "timeFrom": "now-7d",
        "timeTo": "now",
        "refreshInterval": {"pause": True, "value": 60_000},
        "version": 1,
        "kibanaSavedObjectMeta": meta,
    }
    return SavedObject("dashboard", f"{prefix}-dashboard", attributes, references)
