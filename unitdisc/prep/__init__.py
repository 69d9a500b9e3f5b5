"""What do the scripts of data_prep/ share? Options, tiers, ids, pages, and what they say of what they leave out."""
