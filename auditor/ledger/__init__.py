"""What auditors did and decided: who watched what, holds, retention, deletions, and verdicts on recordings."""
