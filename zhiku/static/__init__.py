"""Static files, served by ourselves: offices have no internet. vendor/ is taken from npm by scripts/vendor_static.py."""
