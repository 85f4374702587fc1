"""One module a finding: each fills the store of a pair (see `helpers.compute`)."""
