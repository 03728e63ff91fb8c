"""The methods of `rosso.Tensor`, one file an idea."""
