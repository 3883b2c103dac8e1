"""Runs on a recorded host beside SSSD: who is recorded, decided at login; audit rules; live sessions."""
