"""What does a trained model say? Encodings of a corpus, and how likely a recording is."""
