"""Pages, one module each; a module's ROUTES are what it answers to."""
