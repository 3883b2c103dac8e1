"""Who is recorded: users, policies, and what follows."""
