"""Who is asking, and what of the recordings exists for him."""
