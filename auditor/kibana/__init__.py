"""Kibana's view of an Elasticsearch store: data views, saved searches, charts, a dashboard and a time line."""
