"""Playing a recording on a terminal: what is shown when, how keys steer it, and how it is painted."""
