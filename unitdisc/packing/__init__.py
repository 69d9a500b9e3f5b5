"""How are many small files made few large ones? Recordings and images in tars, for `unitdisc shards`."""
