"""The audit service of a host: where records come from, whose they are, and how they get into recordings."""
