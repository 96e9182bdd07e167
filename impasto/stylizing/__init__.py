"""The fast method's second half: photographs through a style model, of any size and number. Torch-free."""
