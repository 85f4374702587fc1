"""Typed results on disk: parts with a manifest, claims, origin, and the authors' release."""
