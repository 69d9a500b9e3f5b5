"""How is a corpus segmented into units, so many a second, from any system's frames? What `unitdisc segment` does."""
