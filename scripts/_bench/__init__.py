"""What `scripts/bench.py` measures with: a corpus, a reference scorer, zhiku and its peers, and the whole path."""
