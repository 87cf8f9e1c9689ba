"""What the commands take, one module for each group; what they do is imported when they run."""
