"""The iterative method: the pixels of one picture, optimised."""
