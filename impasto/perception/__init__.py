"""What a loss network sees: the network, its weights, the losses on its feature maps, what computes them."""
