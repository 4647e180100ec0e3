"""When things happen: day masks, and the jobs planned by them."""
