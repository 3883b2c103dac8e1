"""What the page brings from npm."""
