"""What is kept per person: keys today; the four tiers of memory build on them."""
