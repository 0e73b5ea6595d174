"""The pages that a radiologist reads, one file a page."""
