"""How is a recording, an image or an archive opened? Samples and pixels of files, exactly, whatever made them."""
