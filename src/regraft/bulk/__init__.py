"""More examples than memory holds: features or predictions as a folder of Parquet files, here or on a cluster."""
