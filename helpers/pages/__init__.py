"""What every page shares: style, tables, prose, and the kit of the explorers."""
