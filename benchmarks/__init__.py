"""What the project costs, beside others: `make bench`. Not part of the distribution."""
