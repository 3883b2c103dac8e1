"""How fast audit records become events."""
