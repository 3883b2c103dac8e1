"""What the reading side knows of events: their kinds, what they say, and the processes behind them."""
