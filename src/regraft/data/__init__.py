"""What we learn from: recognise, read and split labelled examples."""
