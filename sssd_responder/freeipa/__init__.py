"""What the host reads from and writes to FreeIPA."""
