"""The authors' released matrices at seven billion parameters."""
