"""What is wrong with the data, before anything is learnt from them."""
