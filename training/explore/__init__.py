"""What the data hold and what they hide: distributions, embeddings, readers, the confound."""
