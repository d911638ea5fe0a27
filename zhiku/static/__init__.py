"""Static files, served by ourselves: offices have no internet. vendor/ is from npm, by scripts/vendor_static.py."""
