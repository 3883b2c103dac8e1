"""Log servers that put messages into an Elasticsearch store: their configurations, and what they had to put aside."""
