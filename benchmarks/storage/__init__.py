"""What an hour of recorded work takes in Elasticsearch, beside tlog's."""
