"""Film: moving pictures painted so that they hold still where they should. Torch-free."""
