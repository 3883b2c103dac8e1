"""The store in Elasticsearch, for where one machine is not enough; `auditor.elasticsearch.store` has it."""
