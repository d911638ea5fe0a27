"""Reference data that every installation starts from: divisions (GB/T 2260, GB/T 10114) and fields of expertise."""
