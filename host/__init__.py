"""Administers a recorded host: puts the parts in place, says whether they work, acts on its sessions."""
