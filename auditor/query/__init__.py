"""What is searched for: the language of queries, and how lines are held to them."""
