"""What a recording and a store of recordings are, and how one is found by what a person types."""
