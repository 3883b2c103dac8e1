"""The Elasticsearch store, measured on a real node."""
