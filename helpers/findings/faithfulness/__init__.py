"""How far the gradient can be believed."""
