"""How does a signal become numbers? Features, targets, normalisation, crops, and batches of them."""
