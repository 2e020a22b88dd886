"""A fuzzer: random short programs that use skdvn, and judges of what they do."""
