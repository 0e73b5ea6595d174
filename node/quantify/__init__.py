"""(written by its builder)"""
