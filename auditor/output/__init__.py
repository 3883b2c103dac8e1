"""What verbs write to a terminal or a pipe."""
