"""The contestants: zhiku's engine and its peers, each behind the same few calls."""
