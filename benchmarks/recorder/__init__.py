"""The recorder beside tlog-rec, script and a copy loop in C."""
