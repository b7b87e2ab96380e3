"""The eight raw tables: what they must hold, how they are read, what is wrong with them."""
