"""Read pictures, videos and cameras, and write videos."""
