"""Rules of the kernel's audit, for each recorded user."""
