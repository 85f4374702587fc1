"""Finding 3: concepts of the feed-forward layers."""
