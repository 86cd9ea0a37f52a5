"""Archives of what an application gathered: gzip CSV in a folder or a bucket."""
