"""Archives of what an application gathered: gzip CSV or Parquet in a folder or a bucket."""
