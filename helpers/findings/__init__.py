"""One folder a finding: compute, read, tables, figures, live, explorer and report."""
